"""The same conversation weighs and says the same on every wire."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.proxy.formats import Format
from foveate.proxy.formats.chat import Chat
from foveate.proxy.formats.messages import Messages
from foveate.proxy.formats.responses import Responses
from support.deciding import read

GIVEN = {"a": '{"user":"mia"}', "b": '{"date":"2024-05-20"}'}
RESULTS = {"a": "Mia Li of Austin", "b": "no flights"}
OPENING = {"role": "user", "content": "Is there a flight for Mia?"}
QUESTION = {"role": "user", "content": "And now?"}
SAID = "Let me look."


def chat() -> dict[str, Any]:
    """Return a text and two parallel calls as a chat completion has them."""
    functions = {key: {"name": f"find_{key}", "arguments": given} for key, given in GIVEN.items()}
    calls = [{"id": key, "type": "function", "function": each} for key, each in functions.items()]
    asked = {"role": "assistant", "content": SAID, "tool_calls": calls}
    told = [{"role": "tool", "tool_call_id": key, "content": text} for key, text in RESULTS.items()]
    return {"model": "gpt-4o", "messages": [OPENING, asked, *told, QUESTION]}


def messages() -> dict[str, Any]:
    """Return the same as turns."""
    given = {"a": {"user": "mia"}, "b": {"date": "2024-05-20"}}
    uses = [
        {"type": "tool_use", "id": key, "name": f"find_{key}", "input": each}
        for key, each in given.items()
    ]
    told = [
        {"type": "tool_result", "tool_use_id": key, "content": text} for key, text in RESULTS.items()
    ]
    asked = {"role": "assistant", "content": [{"type": "text", "text": SAID}, *uses]}
    turns = [OPENING, asked, {"role": "user", "content": told}, QUESTION]
    return {"model": "gpt-4o", "max_tokens": 9, "messages": turns}


def responses() -> dict[str, Any]:
    """Return the same as input items."""
    called = [
        {"type": "function_call", "call_id": key, "name": f"find_{key}", "arguments": given}
        for key, given in GIVEN.items()
    ]
    told = [
        {"type": "function_call_output", "call_id": key, "output": text}
        for key, text in RESULTS.items()
    ]
    asked = {"role": "assistant", "content": SAID}
    return {"model": "gpt-4o", "input": [OPENING, asked, *called, *told, QUESTION]}


OTHERS = [(Messages(), messages()), (Responses(), responses())]


@pytest.mark.parametrize(("wire", "body"), OTHERS)
def test_calls_and_results_weigh_as_much_as_in_a_chat(wire: Format, body: dict[str, Any]) -> None:
    ours, theirs = read(chat(), wire=Chat()), read(body, wire=wire)
    # What sets each of two parallel calls and results apart
    assert theirs.tokens == pytest.approx(ours.tokens, abs=10)


@pytest.mark.parametrize(("wire", "body"), OTHERS)
def test_calls_and_results_say_the_same_as_in_a_chat(wire: Format, body: dict[str, Any]) -> None:
    said = {line for s in read(body, wire=wire).segments for line in s.text.splitlines()}
    assert said == {line for s in read(chat(), wire=Chat()).segments for line in s.text.splitlines()}
