"""What was parsed is remembered: each message once, and the beginning of each history."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveate.proxy.cache import Cache
from foveate.proxy.formats import memo
from foveate.proxy.formats.memo import Memo, Prefix
from foveate.proxy.formats.tokens import TokenCounter
from support.conversations import body, call, result
from support.deciding import CHAT, parse, read

QUESTION = {"role": "user", "content": "And now?"}


def content(messages: list[Any]) -> bytes:
    return json.dumps(body(messages)).encode()


def test_a_history_that_has_grown_is_read_from_its_latest_turn_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[object] = []
    linked: list[object] = []
    build_unit, link = memo.build_unit, memo.linked
    monkeypatch.setattr(
        memo, "build_unit", lambda *given: (built.append(given[1]), build_unit(*given))[1]
    )
    monkeypatch.setattr(memo, "linked", lambda before, new: (linked.extend(new), link(before, new))[1])
    known = Memo(CHAT, TokenCounter("o200k_base"), Cache(1 << 20), 1500)
    turns = [{"role": "assistant" if n % 2 else "user", "content": f"number {n}"} for n in range(40)]
    history = [*turns, call("a"), result("a"), QUESTION]
    for size in (39, 42, len(history)):
        built.clear()
        linked.clear()
        parse(known, content(history[:size]))
    assert built == [((42, 0),)], "the call and its result were built before"
    assert len(linked) == 5, "from the user turn on that was the latest before"


def test_a_conversation_keeps_one_beginning_and_all_beginnings_count_as_memory() -> None:
    cache = Cache(1 << 20)
    known = Memo(CHAT, TokenCounter("o200k_base"), cache, 1500)
    turns = [{"role": "assistant" if n % 2 else "user", "content": f"number {n}"} for n in range(400)]
    for size in range(1, 100, 2):
        parse(known, content(turns[:size]))
    assert len(known._prefixes.young) == 1
    for start in range(
        0, 300, 2
    ):  # a caller who sends the latest hundred: nothing of the beginning stays
        parse(known, content(turns[start : start + 101]))
    assert len(known._prefixes.young) + len(known._prefixes.old) <= cache.max_bytes / (
        100 * Prefix.SIZE
    )


def test_equal_messages_are_worked_on_once_and_differently_split_ones_apart() -> None:
    long = {"role": "user", "content": "words of a line\n\n" * 200}
    one, other = (read(body([long, QUESTION]), split_over=size) for size in (200, 10**6))
    assert len(one.segments) > len(other.segments) == 2


def test_what_another_request_has_read_meanwhile_is_not_read_again() -> None:
    known = Memo(CHAT, TokenCounter("o200k_base"), Cache(1 << 20), 1500)
    outline = CHAT.read(content([QUESTION, call("a")]))
    first, second = (known.learn(outline.items) for _ in range(2))
    assert all(second[raw] is first[raw] for raw in outline.items)
    assert known.learn(outline.items, "another")[outline.items[0]] is not first[outline.items[0]]


def test_what_was_learned_ahead_is_found() -> None:
    known = Memo(CHAT, TokenCounter("o200k_base"), Cache(1 << 20), 1500)
    outline = CHAT.read(content([QUESTION, call("a")]))
    assert known.find(outline) == [None, None]
    learned = known.learn(outline.items)
    assert known.find(outline) == [learned[raw] for raw in outline.items]


def test_what_is_too_large_to_be_kept_is_not_kept_in_a_beginning() -> None:
    cache = Cache(1 << 20)
    known = Memo(CHAT, TokenCounter("o200k_base"), cache, 1500)
    for n in range(5):
        long = {"role": "assistant", "content": f"{n} " + "word " * 300_000}
        parse(known, content([long, QUESTION]))
    kept = [prefix for prefix, _ in [*known._prefixes.young.values(), *known._prefixes.old.values()]]
    assert not kept
