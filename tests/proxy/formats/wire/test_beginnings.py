"""A body that begins as an earlier one did is read as if it were the first, and its items are not told apart again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.proxy.cache import Cache
from foveate.proxy.errors import FormatError
from foveate.proxy.formats import Format
from foveate.proxy.formats.chat import Chat
from foveate.proxy.formats.messages import Messages
from foveate.proxy.formats.responses import Responses
from foveate.proxy.formats.wire.beginnings import LONG, MOST, Beginnings
from foveate.proxy.formats.wire.reading import MOST_ITEMS

FIELDS = {"chat": "messages", "messages": "messages", "responses": "input"}
WIRES = [Chat(), Messages(), Responses()]
PAD = "word " * (LONG // 5)


def said(n: int) -> dict[str, Any]:
    return {"role": "assistant" if n % 2 else "user", "content": f'number {n}, "quoted": {{[\\u00e9,'}


HISTORY = [{"role": "user", "content": PAD}, *[said(n) for n in range(1, 12)]]


def body(wire: Format, items: list[Any], gaps: tuple[str, str] = (", ", ": "), **more: Any) -> bytes:
    field = FIELDS[wire.name]
    told = {"tools": [{"name": "look", "description": json.dumps(HISTORY[1])}], field: items, **more}
    return json.dumps({"model": "m", **told}, separators=gaps).encode()


def earlier(tenant: str = "t", cache: Cache | None = None) -> Beginnings:
    return Beginnings((Cache(1 << 24) if cache is None else cache).space("beginning"), tenant)


def outcome(wire: Format, content: bytes, *known: Beginnings) -> object:
    try:
        return wire.read(content, *known)
    except FormatError as error:
        return str(error)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_the_items_of_a_history_that_has_grown_are_the_very_same(wire: Format) -> None:
    known = earlier()
    first = wire.read(body(wire, HISTORY), known).items
    again = wire.read(body(wire, [*HISTORY, said(12), said(13)], temperature=1), known).items
    assert all(new is old for new, old in zip(again, first, strict=False))
    assert len(again) == len(first) + 2
    assert earlier().shortened(body(wire, HISTORY)) is None


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_was_read_before_a_body_is_read_as_if_it_were_the_first(
    wire: Format, data: st.DataObject
) -> None:
    known = earlier()
    odd: Any = st.sampled_from([said(99), 7, "7", None, {}, [], {"type": "compaction"}])
    for _ in range(data.draw(st.integers(2, 5))):
        items: list[Any] = HISTORY[: data.draw(st.integers(1, len(HISTORY)))]
        for _ in range(data.draw(st.integers(0, 2))):
            at = data.draw(st.integers(0, len(items)))
            items = [*items[:at], data.draw(odd), *items[at + data.draw(st.integers(0, 1)) :]]
        content = body(
            wire, items, data.draw(st.sampled_from([(", ", ": "), (",", ":"), (" ,\n", ":")]))
        )
        field = FIELDS[wire.name].encode()
        content = data.draw(
            st.sampled_from([
                content,
                content[:-1] + b', "%b": [{"role": "user", "content": "another"}]}' % field,
                content[:-1] + b', "%b": "words"}' % field,
                content[:-1],
                content.replace(b"number 3", b"\\ud83d"),
                b'{"before": ' + content + b', "%b": []}' % field,
            ])
        )  # fmt: skip
        assert outcome(wire, content, known) == outcome(wire, content)


def test_nothing_is_shared_between_tenants() -> None:
    cache, wire = Cache(1 << 24), WIRES[0]
    wire.read(body(wire, HISTORY), earlier("ada", cache))
    assert earlier("bob", cache).shortened(body(wire, HISTORY)) is None
    assert earlier("ada", cache).shortened(body(wire, HISTORY)) is not None


def test_too_many_items_are_refused_however_many_are_known() -> None:
    known, wire = earlier(), WIRES[0]
    many = [HISTORY[0], *[{"role": "user"}] * (MOST_ITEMS - 1)]
    assert len(wire.read(body(wire, many), known).items) == MOST_ITEMS
    with pytest.raises(FormatError, match="more than"):
        wire.read(body(wire, [*many, {"role": "user"}]), known)


def test_as_many_conversations_are_known_as_there_is_room_for_and_they_count_as_memory() -> None:
    cache, wire = Cache(1 << 24), WIRES[0]
    known = earlier("t", cache)
    bodies = [body(wire, [HISTORY[0], said(n), said(n + 1)]) for n in range(MOST + 1)]
    for content in bodies:
        wire.read(content, known)
    assert [known.shortened(content) is not None for content in bodies] == [False, *[True] * MOST]
    assert cache.bytes > MOST * LONG
