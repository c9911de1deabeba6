"""An item with more objects in it than memory has room for: what it is and belongs to is known all the same."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.proxy.formats import Format
from foveate.proxy.formats.chat import Chat
from foveate.proxy.formats.messages import Messages
from foveate.proxy.formats.responses import Responses
from foveate.proxy.formats.wire.reading import MOST_PARTS
from support.deciding import read

MANY: list[Any] = [{} for _ in range(MOST_PARTS + 1)]
ROWS = "[" + '{"a":"\\\\"},' * (MOST_PARTS + 1) + "0]"
ASKING = {"role": "user", "content": "q"}
WAIT = {"role": "user", "content": "wait"}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def chat(told: Any) -> list[Any]:
    """Return a call, words and what the call has returned, as a chat completion has them."""
    calling = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    return [ASKING, calling, WAIT, {"role": "tool", "tool_call_id": "a", "content": told}, WAIT]


def messages(told: Any) -> list[Any]:
    """Return the same as turns."""
    calling = {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}],
    }
    result = {"type": "tool_result", "tool_use_id": "a", "content": told}
    return [ASKING, calling, WAIT, {"role": "user", "content": [result]}, WAIT]


def responses(told: Any) -> list[Any]:
    """Return the same as input items."""
    calling = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
    return [
        ASKING,
        calling,
        WAIT,
        {"type": "function_call_output", "call_id": "a", "output": told},
        WAIT,
    ]


WIRES = [
    (Chat(), "messages", chat),
    (Messages(), "messages", messages),
    (Responses(), "input", responses),
]


@pytest.mark.parametrize("told", [MANY, ROWS], ids=["parts", "objects in a text"])
@pytest.mark.parametrize(("wire", "field", "talk"), WIRES, ids=["chat", "messages", "responses"])
def test_a_crowded_result_stays_with_its_call(wire: Format, field: str, talk: Any, told: Any) -> None:
    parsed = read({"model": "gpt-4o", field: talk(told)}, wire=wire)
    assert [place.items for place in parsed.places] == [(0,), (1, 3), (2,), (4,)]
    assert parsed.segments[1].tokens > MOST_PARTS / 100


@pytest.mark.parametrize(("wire", "field", "talk"), WIRES, ids=["chat", "messages", "responses"])
def test_a_text_that_tells_of_many_objects_is_read_as_any_other(
    wire: Format, field: str, talk: Any
) -> None:
    parsed = read({"model": "gpt-4o", field: talk(ROWS)}, wire=wire)
    (block,) = parsed.items[3].blocks
    assert [told.text for told in block.told] == [ROWS]
    assert not block.pin
    assert not parsed.items[3].guessed


@pytest.mark.parametrize(("wire", "field"), [(wire, field) for wire, field, _ in WIRES])
def test_a_crowded_message_keeps_its_role(wire: Format, field: str) -> None:
    parsed = read({"model": "gpt-4o", field: [ASKING, {"role": "user", "content": MANY}]}, wire=wire)
    assert [s.role for s in parsed.segments] == ["user", "user"]
    assert parsed.items[1].guessed or wire.name == "messages"


@pytest.mark.parametrize(("wire", "field"), [(wire, field) for wire, field, _ in WIRES])
def test_an_item_that_is_a_crowded_list_is_none_that_is_known(wire: Format, field: str) -> None:
    parsed = read({"model": "gpt-4o", field: [ASKING, MANY, WAIT]}, wire=wire)
    assert parsed.segments[1].pin
