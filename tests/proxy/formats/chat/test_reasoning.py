"""Reasoning in a chat completion's messages: found, counted, known as bound or plain, and taken out whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveate.proxy.formats.chat.reasoning import is_bound, thinks, thought_tokens
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.text import THOUGHT_LEFT_OUT
from support.conversations import call
from support.deciding import CHAT, read

COUNTER = TokenCounter("o200k_base")
THOUGHT = "The train leaves at nine, so the bridge has to be crossed before eight."
SIGNED = {"type": "thinking", "thinking": THOUGHT, "signature": "c2lnbmVk"}
SEALED = {"type": "redacted_thinking", "data": "x" * 600}
SAID: dict[str, Any] = {"role": "assistant", "content": "At nine."}
# Each way to carry it: the message, and whether a provider has tied it to its prompt.
WAYS: dict[str, tuple[dict[str, Any], bool]] = {
    "litellm, signed": ({**SAID, "thinking_blocks": [SIGNED], "reasoning_content": THOUGHT}, True),
    "litellm, redacted": ({**SAID, "thinking_blocks": [SEALED]}, True),
    "litellm, signed and not shown": ({**SAID, "thinking_blocks": [{**SIGNED, "thinking": ""}]}, True),
    "litellm, without a signature": ({**SAID, "thinking_blocks": [{"type": "thinking", "thinking": THOUGHT}]}, False),
    "openrouter, signed text": (
        {
            **SAID,
            "reasoning": THOUGHT,
            "reasoning_details": [{"type": "reasoning.text", "text": THOUGHT, "signature": "s"}],
        },
        True,
    ),
    "openrouter, encrypted": (
        {**SAID, "reasoning_details": [{"type": "reasoning.encrypted", "data": "x" * 600, "id": "rs_1"}]},
        True,
    ),
    "openrouter, a summary": (
        {**SAID, "reasoning_details": [{"type": "reasoning.summary", "summary": THOUGHT, "signature": None}]},
        False,
    ),
    "deepseek": ({**SAID, "reasoning_content": THOUGHT}, False),
    "vllm": ({**SAID, "reasoning": THOUGHT}, False),
    "content parts": ({"role": "assistant", "content": [SIGNED, {"type": "text", "text": "At nine."}]}, True),
    "mistral": (
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]},
                {"type": "text", "text": "At nine."},
            ],
        },
        False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("message", "bound"), WAYS.values(), ids=WAYS)
def test_reasoning_is_found_and_known_as_bound_or_plain(message: dict[str, Any], bound: bool) -> None:
    assert thinks(message)
    assert is_bound(message) == bound
    segment = read({"model": "gpt-4o", "messages": [message]}).segments[0]
    assert segment.thought > 0
    assert segment.bound == bound


def test_a_message_without_reasoning_has_none() -> None:
    assert not thinks(SAID)
    assert read({"model": "gpt-4o", "messages": [SAID]}).segments[0].thought == 0


def test_what_stands_there_twice_is_counted_once() -> None:
    size = COUNTER.text(THOUGHT)
    for name in ("litellm, signed", "openrouter, signed text", "deepseek", "vllm", "content parts"):
        assert thought_tokens(WAYS[name][0], COUNTER) == size, name


def test_encrypted_reasoning_counts_as_bytes_and_not_as_text() -> None:
    for name in ("litellm, redacted", "openrouter, encrypted"):
        assert thought_tokens(WAYS[name][0], COUNTER) == 100, name


@pytest.mark.parametrize(("message", "bound"), WAYS.values(), ids=WAYS)
def test_what_is_taken_out_is_the_reasoning_and_nothing_else(
    message: dict[str, Any], bound: bool
) -> None:
    parsed = read({"model": "gpt-4o", "messages": [message]})
    prompt = CHAT.rebuild(parsed, [Row(0, None, (), bare=True)])
    left = json.loads(prompt.body)["messages"][0]
    assert not thinks(left)
    assert left["role"] == "assistant"
    assert left["content"] in ("At nine.", [{"type": "text", "text": "At nine."}])
    segment = parsed.segments[0]
    assert prompt.tokens[0] == segment.tokens - segment.thought


@pytest.mark.parametrize(("message", "bound"), WAYS.values(), ids=WAYS)
def test_a_message_is_the_same_with_its_reasoning_and_without(
    message: dict[str, Any], bound: bool
) -> None:
    thoughtful = read({"model": "gpt-4o", "messages": [message]})
    assert thoughtful.items[0].id == read({"model": "gpt-4o", "messages": [SAID]}).items[0].id


def left_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message less its reasoning."""
    parsed = read({"model": "gpt-4o", "messages": [message]})
    left: dict[str, Any] = json.loads(CHAT.rebuild(parsed, [Row(0, None, (), bare=True)]).body)[
        "messages"
    ][0]
    return left


def test_a_message_of_nothing_but_reasoning_says_that_it_was_left_out() -> None:
    assert left_of({"role": "assistant", "content": [SIGNED]}) == {
        "role": "assistant",
        "content": THOUGHT_LEFT_OUT,
    }


def test_beside_calls_nothing_has_to_be_said() -> None:
    assert left_of({**call("call_1"), "content": [SIGNED]}) == call("call_1")


def test_an_answer_with_bound_reasoning_is_never_split() -> None:
    long = "\n\n".join(
        f"Paragraph {n} tells of the harbour bridge and its cables. " * 8 for n in range(40)
    )
    split = read(
        {
            "model": "gpt-4o",
            "messages": [{**SAID, "content": long}, {"role": "user", "content": "and?"}],
        }
    )
    assert len(split.segments) > 2
    message = {**SAID, "content": long, "thinking_blocks": [{**SIGNED, "thinking": "short"}]}
    whole = read({"model": "gpt-4o", "messages": [message, {"role": "user", "content": "and?"}]})
    assert len(whole.segments) == 2
    assert whole.segments[0].bound


@pytest.mark.parametrize(
    "odd",
    [
        {"thinking_blocks": None},
        {"thinking_blocks": "text"},
        {"reasoning_details": [None, 7, "text", {}]},
        {"reasoning_content": None},
        {"reasoning_content": 7},
        {"thinking_blocks": [{"type": "thinking", "thinking": 7, "signature": 7}]},
        {"thinking_blocks": [{"data": 7}]},
    ],
)
def test_fields_of_another_shape_are_no_fault(odd: dict[str, Any]) -> None:
    parsed = read({"model": "gpt-4o", "messages": [{**SAID, **odd}]})
    assert not parsed.segments[0].bound
    assert parsed.segments[0].thought >= 0


@pytest.mark.parametrize("role", ["critic", "user", "model"])
def test_what_looks_like_reasoning_in_anothers_words_is_no_reasoning(role: str) -> None:
    odd = {"role": role, "content": "no", "reasoning_details": [{"data": "c2VhbGVk"}, 570]}
    parsed = read({"model": "gpt-4o", "messages": [odd, {"role": "user", "content": "and?"}]})
    assert not any(s.thought or s.bound for s in parsed.segments)
