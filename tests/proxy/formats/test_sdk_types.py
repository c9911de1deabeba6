"""Every kind of content that the official packages can send is one of which the formats know what it means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from anthropic.types.beta import BetaContentBlockParam
from anthropic.types.beta.beta_tool_result_block_param import Content
from openai.types.responses import ResponseInputItemParam
from typing_extensions import get_type_hints, is_typeddict

from foveate.proxy.formats import Format
from foveate.proxy.formats.messages import Messages
from foveate.proxy.formats.messages.content import COMPACTION, KNOWN, TOLD, can_be_marked
from foveate.proxy.formats.responses import Responses, kinds
from foveate.proxy.formats.responses.item import UNKNOWN
from support import inputs, messages
from support.deciding import read

HELLO = messages.user("hello")
TOLD_APART = {"message", "reasoning", kinds.TRIGGER, kinds.REFERENCE}
# What stays, and with it what it belongs to: later requests, or the rest of this one, depend on it.
STANDING = {COMPACTION, "container_upload", "tool_addition", "tool_removal", "mcp_tool_listing"}


def kinds_in(union: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names of a union's dictionaries, as they stand in `type`, and the dictionaries."""
    for member in filter(is_typeddict, get_args(union)):
        yield from ((name, member) for name in names_in(get_type_hints(member).get("type")))


def names_in(hint: Any) -> Iterator[str]:
    """Yield the texts that a type allows."""
    for each in get_args(hint):
        if isinstance(each, str):
            yield each
        else:
            yield from names_in(each)


BLOCKS = list(kinds_in(BetaContentBlockParam))
ITEMS = sorted({name for name, _ in kinds_in(ResponseInputItemParam)})


def test_there_are_such_kinds() -> None:
    assert len(BLOCKS) > 20
    assert len(ITEMS) > 25


def pins(wire: Format, body: dict[str, Any]) -> str:
    """Return why a request's first segment stays."""
    return read(body, wire=wire).segments[0].pin


@pytest.mark.parametrize("kind", sorted({name for name, _ in BLOCKS}))
def test_a_content_block_is_known_or_stays(kind: str) -> None:
    known = kind in KNOWN or kind.endswith("_tool_result")
    pin = pins(Messages(), messages.request([messages.assistant({"type": kind}), HELLO]))
    assert pin == ("" if known else kind)
    assert known or kind in STANDING


@pytest.mark.parametrize("kind", sorted({name for name, _ in kinds_in(Content)}))
def test_what_a_result_holds_is_known_or_stays(kind: str) -> None:
    held = messages.user(messages.result("a", [{"type": kind}]))
    assert pins(Messages(), messages.request([held, HELLO])) == ("" if kind in TOLD else kind)


@pytest.mark.parametrize("kind", sorted({name for name, _ in BLOCKS}))
def test_a_mark_is_put_on_what_can_carry_one(kind: str) -> None:
    can = any("cache_control" in get_type_hints(member) for name, member in BLOCKS if name == kind)
    if can_be_marked({"type": kind, "text": "hi"}):
        assert can


@pytest.mark.parametrize("kind", ITEMS)
def test_an_input_item_is_known(kind: str) -> None:
    assert kind in kinds.CALLS | kinds.OUTPUTS | kinds.SERVED | kinds.STANDING.keys() | TOLD_APART


def test_an_input_item_that_is_not_known_stays() -> None:
    assert pins(Responses(), inputs.response([{"type": "telepathy"}, inputs.user("hi")])) == UNKNOWN
