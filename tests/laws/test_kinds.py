"""What holds for conversations of any kind: callers apart, odd messages, turns. LAWS=10000 tries more of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.policies.types import Budget
from foveate.proxy.formats import Format
from foveate.proxy.formats.chat import Chat
from foveate.proxy.formats.messages import Messages
from foveate.proxy.formats.responses import Responses
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.http.refusals import TooLong
from foveate.proxy.pruning.request import Request
from laws.message_strategies import talks
from laws.strategies import conversations, examples, plain
from laws.test_responses import sessions
from support.server import settings_for
from support.sessions import NOWHERE, Deciding, caller

Body = dict[str, Any]
ASKED = Overrides(budget=Budget(300, 150))
LISTS = {"chat": "messages", "messages": "messages", "responses": "input"}


@pytest.fixture(scope="module")
def deciding() -> Iterator[Deciding]:
    known = {"models": {"gpt-4o": 128_000, "claude-test": 128_000, "": 128_000}}
    with Deciding(settings=settings_for(NOWHERE, window=known)) as made:
        yield made


@st.composite
def requests(draw: st.DrawFn) -> tuple[Format, Body]:
    """A conversation on any wire."""
    wire: Format = draw(st.sampled_from([Chat(), Messages(), Responses()]))
    if wire.name == "chat":
        return wire, {"model": "gpt-4o", "messages": draw(conversations())}
    if wire.name == "messages":
        return wire, {"model": "claude-test", "max_tokens": 9, "messages": draw(talks())}
    return wire, {"model": "gpt-4o", "input": draw(sessions())}


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**9) | st.floats(-9, 9) | plain,
    lambda held: st.lists(held, max_size=3) | st.dictionaries(plain, held, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "role", "content", "type", "name", "tool_calls", "tool_call_id", "function_call", "reasoning_details", "call_id",
    "output", "arguments", "summary", "encrypted_content", "thinking_blocks", "audio", "images", "refusal", "id",
)  # fmt: skip
PART_FIELDS = ("type", "text", "image_url", "source", "input", "tool_use_id", "content", "thinking")
KINDS = (
    "user",
    "assistant",
    "tool",
    "function",
    "text",
    "tool_use",
    "tool_result",
    "reasoning",
    "message",
)
parts = st.dictionaries(st.sampled_from(PART_FIELDS), values | st.sampled_from(KINDS), max_size=4)


@st.composite
def odd_items(draw: st.DrawFn) -> Any:
    """What no reference lists: any value, and messages of any fields and parts."""
    if draw(st.integers(0, 4)) == 0:
        return draw(values)
    made: Body = draw(
        st.dictionaries(st.sampled_from(FIELDS), values | st.sampled_from(KINDS), max_size=5)
    )
    if draw(st.booleans()):
        made["role"] = draw(st.sampled_from(["user", "assistant", "tool", "critic", "model"]))
    if draw(st.booleans()):
        made["content"] = draw(st.lists(parts | values, max_size=3))
    return made


def sent(body: Body) -> bytes:
    """A request's bytes."""
    return json.dumps(body).encode()


@settings(max_examples=examples(150))
@given(requests(), st.lists(odd_items(), min_size=1, max_size=3), st.data())
def test_an_odd_message_never_turns_pruning_off_and_goes_or_stays_whole(
    deciding: Deciding, request_: tuple[Format, Body], odd: list[Any], data: st.DataObject
) -> None:
    wire, body = request_
    items: list[Any] = list(body[LISTS[wire.name]])
    for each in odd:
        items.insert(data.draw(st.integers(0, len(items))), each)
    content = sent({**body, LISTS[wire.name]: items})
    key = caller()
    for _ in range(2):  # afresh, and from what was remembered
        decision = deciding.decide(content, key, ASKED, wire)
        outcome = decision.outcome
        assert outcome.result != "failed", outcome.failure_reason
        for left in json.loads(decision.body)[LISTS[wire.name]]:
            if not isinstance(left, dict) or (left.get("role") == "critic" and wire.name != "messages"):
                assert left in items
        if outcome.result == "untouched":
            assert decision.body == content


@settings(max_examples=examples(60))
@given(requests(), st.lists(requests(), min_size=1, max_size=3), st.data())
def test_nobody_changes_what_another_gets(
    request_: tuple[Format, Body], others: list[tuple[Format, Body]], data: st.DataObject
) -> None:
    wire, body = request_
    known = {"models": {"gpt-4o": 700, "claude-test": 700, "": 700}}
    made = []
    for harmed in (False, True):
        with Deciding(settings=settings_for(NOWHERE, window=known)) as deciding:
            for n, (their, theirs) in enumerate(others if harmed else []):
                asked = Request(their, sent(theirs), Overrides(), f"other {n % 2}")
                decision = deciding.decide(asked.body, asked.tenant, asked.overrides, their)
                for _ in range(4):
                    deciding.answered(asked, decision, data.draw(st.integers(1, 10**6)))
                    window = data.draw(st.integers(1, 2000))
                    deciding.refused(asked, decision, TooLong(window, None))
            decision = deciding.decide(sent(body), "harmed", Overrides(), wire)
            outcome = decision.outcome
            made.append((decision.body, outcome.result, outcome.tokens_before, outcome.tokens_after))
    assert made[0] == made[1]


@st.composite
def chats_in_turn(draw: st.DrawFn) -> list[Body]:
    """A history in which user and assistant take turns, with tools at work now and then."""
    messages: list[Body] = [{"role": "system", "content": "Be kind."}] if draw(st.booleans()) else []
    for n in range(draw(st.integers(1, 12))):
        messages.append({"role": "user", "content": draw(plain) + f" question {n} " * 5})
        for c in range(draw(st.integers(0, 2))):
            key = f"call_{n}_{c}"
            function = {"name": "look_up", "arguments": "{}"}
            call = {"id": key, "type": "function", "function": function}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            messages.append(
                {"role": "tool", "tool_call_id": key, "content": draw(plain) + "found " * 20}
            )
        messages.append({"role": "assistant", "content": draw(plain) + f" answer {n} " * 8})
    return [*messages, {"role": "user", "content": draw(plain) + " and now?"}]


@settings(max_examples=examples(80))
@given(chats_in_turn(), st.integers(60, 400), st.integers(30, 300))
def test_a_history_that_took_turns_takes_turns_at_every_request(
    deciding: Deciding, messages: list[Body], high: int, low: int
) -> None:
    key = caller()
    asked = Overrides(budget=Budget(high, min(high, low)))
    for end in [n + 1 for n, message in enumerate(messages) if message["role"] == "user"]:
        body = {"model": "gpt-4o", "messages": messages[:end]}
        left = json.loads(deciding.decide(sent(body), key, asked).body)["messages"]
        assert in_turn(left), [message["role"] for message in left]


def in_turn(messages: list[Body]) -> bool:
    """Whether a template that insists on turns takes a history, and Gemini its calls."""
    spoken = ""
    before = ""
    for message in messages:
        role = message["role"]
        if role == "system":
            continue
        if message.get("tool_calls"):
            if before not in ("user", "tool"):
                return False
        elif role != "tool":
            if role != ("assistant" if spoken == "user" else "user"):
                return False
            spoken = role
        before = role
    return True
