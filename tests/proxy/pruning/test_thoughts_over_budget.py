"""Reasoning that a cut has to take out, request by request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from foveate.policies.types import Budget
from foveate.proxy.formats.messages import Messages
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.pruning.request import Decision
from support.sessions import Deciding, caller, pieces

HIGH, LOW = 4000, 2400
MESSAGES = Messages()
Talk = list[dict[str, Any]]


@pytest.fixture(scope="module")
def deciding() -> Iterator[Deciding]:
    """A pruner for the whole module."""
    with Deciding() as made:
        yield made


def pondered(turn: int) -> str:
    """Return some 600 tokens of reasoning."""
    return " ".join([f"Step {turn}.{n}: the bridge may need new cables." for n in range(50)])


def plain(turns: int) -> Talk:
    """Return a chat of short turns whose answers carry long reasoning as text."""
    said: Talk = []
    for n in range(turns):
        said.append({"role": "user", "content": f"Question {n}?"})
        said.append({"role": "assistant", "content": "Yes.", "reasoning_content": pondered(n)})
    return [*said, {"role": "user", "content": "Thanks."}]


def signed(turns: int) -> Talk:
    """Return the same with reasoning that is signed, as the Messages API has it."""
    said = plain(turns)
    for message in said:
        thought = message.pop("reasoning_content", None)
        if thought:
            words = {"type": "text", "text": message["content"]}
            message["content"] = [
                {"type": "thinking", "thinking": thought, "signature": "c2lnbmVk"},
                words,
            ]
    return said


def ask_messages(deciding: Deciding, key: str, said: Talk) -> Decision:
    """Return the decision on a request of the Messages API."""
    content = json.dumps({"model": "claude-opus-5-5", "max_tokens": 100, "messages": said}).encode()
    return deciding.decide(content, key, Overrides(budget=Budget(HIGH, LOW)), MESSAGES)


def test_plain_reasoning_that_alone_takes_a_chat_over_its_budget_goes(deciding: Deciding) -> None:
    decision = deciding.ask(plain(10), caller(), HIGH, LOW)
    assert decision.outcome.result == "cut"
    assert decision.outcome.tokens_estimated <= HIGH
    assert decision.outcome.dropped == 0


def test_signed_reasoning_that_alone_takes_a_history_over_its_budget_goes(deciding: Deciding) -> None:
    decision = ask_messages(deciding, caller(), signed(10))
    assert decision.outcome.result == "cut"
    assert decision.outcome.tokens_estimated <= HIGH
    kept = [json.dumps(message) for message in json.loads(decision.body)["messages"]]
    thinking = ["signature" in message for message in kept if "assistant" in message]
    assert thinking == sorted(thinking, reverse=True), "the oldest stays, and with it the cached prefix"


def test_what_went_stays_out_when_the_conversation_goes_on(deciding: Deciding) -> None:
    key = caller()
    before = pieces(deciding.ask(plain(10), key, HIGH, LOW).body)
    said = [
        *plain(10),
        {"role": "assistant", "content": "Any time."},
        {"role": "user", "content": "Good."},
    ]
    after = deciding.ask(said, key, HIGH, LOW)
    assert after.outcome.result == "sticky"
    assert pieces(after.body)[: len(before)] == before


def test_signed_reasoning_that_went_stays_out_too(deciding: Deciding) -> None:
    key = caller()
    before = MESSAGES.read(ask_messages(deciding, key, signed(10)).body).items
    said = [
        *signed(10),
        {"role": "assistant", "content": "Any time."},
        {"role": "user", "content": "Good."},
    ]
    after = ask_messages(deciding, key, said)
    assert after.outcome.result == "sticky"
    assert MESSAGES.read(after.body).items[: len(before)] == before
