"""A history only grows, and so does its prompt: what holds of reasoning and prefixes whatever is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.proxy.pruning.request import Decision
from laws.strategies import long_texts, plain
from support.conversations import TOPICS, call, count, problems, result
from support.deciding import CHAT
from support.server import settings_for
from support.sessions import NOWHERE, Deciding, caller
from support.thinking import MARKS, Messages, compared, strangers, thought, thoughts

Turn = list[
    dict[str, Any]
]  # what the user says, then what each request of the tool loop brings, in order
HIGH, LOW = 700, 320


@pytest.fixture(scope="module")
def deciding() -> Iterator[Deciding]:
    with Deciding(settings=settings_for(NOWHERE, segments={"split_over": 100})) as made:
        yield made


@dataclass(frozen=True)
class Step:
    """What follows one request: an answer of the model, less its reasoning, and what the caller adds to it."""

    answer: dict[str, Any]
    added: Messages
    bound: bool
    plain: str = ""


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    """Answers and what comes between them: tool loops of several rounds, and turns of the user."""
    made: list[Step] = []
    for n in range(draw(st.integers(5, 10))):
        topic = TOPICS[n % len(TOPICS)]
        for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 4]))):
            ids = draw(
                st.lists(st.sampled_from(["call_1", "call_2"]), min_size=1, max_size=2, unique=True)
            )
            found = [result(i, f"{draw(plain)} {topic}") for i in ids]
            made.append(
                Step(
                    call(*ids),
                    found,
                    draw(st.booleans()),
                    draw(st.sampled_from(["", "Let me look. " * 5])),
                )
            )
        said: Any = draw(
            st.sampled_from([f"Note {n}: {topic}.", f"What did I say of {topic}?", "thanks!"])
        )
        if draw(st.integers(0, 4)) == 0:
            said = draw(long_texts()) + "."
        answer = draw(st.sampled_from([f"On {n}, {topic}.", f"On {n}. " + f"Well, {topic}.\n\n" * 12]))
        user = {"role": "user", "content": said}
        made.append(Step({"role": "assistant", "content": answer}, [user], draw(st.booleans())))
    return made


@dataclass
class Session:
    """A conversation that goes on request by request, with a provider that binds its reasoning."""

    deciding: Deciding
    key: str
    messages: Messages = field(default_factory=lambda: [{"role": "user", "content": "Good morning."}])
    sent: Messages = field(default_factory=list)  # the latest prompt
    shared: int = 0  # messages that it begins with as the prompt before it did
    kept: int = 0  # thoughts in prompts that were cut before

    def ask(
        self, high: int = HIGH, low: int = LOW, marked: int | None = None, mark: str = MARKS[0]
    ) -> Decision:
        """Send the conversation as it stands, with a mark on one of its messages."""
        given = self.messages if marked is None else with_mark(self.messages, marked, mark)
        decision = self.deciding.ask(given, self.key, high, low)
        previous, self.sent = self.sent, CHAT.items(decision.body)  # type: ignore[assignment]
        assert problems(self.sent) == []
        assert strangers(self.sent) == []
        same = [compared(m) for m in self.sent[: len(previous)]] == [compared(m) for m in previous]
        assert same or is_cut(decision), "the prefix broke without a cut"
        if decision.outcome.result == "sticky":
            self.kept += thoughts(self.sent)
        return decision

    def take(self, step: Step) -> None:
        """Add the model's answer to the latest prompt, and what the caller says to it."""
        answer = {**step.answer, **(thought(self.sent) if step.bound else {})}
        if step.plain and not step.bound:
            answer["reasoning_content"] = step.plain
        self.messages = [*self.messages, answer, *step.added]


def with_mark(messages: Messages, at: int, mark: str) -> Messages:
    """Return the messages with a cache mark on one that has words, as a caller puts it there."""
    spoken = [
        i for i, m in enumerate(messages) if m["role"] in ("user", "assistant") and m.get("content")
    ]
    chosen = spoken[at % len(spoken)]
    part = {"type": "text", "text": messages[chosen]["content"], mark: {"type": "ephemeral"}}
    return [{**m, "content": [part]} if i == chosen else m for i, m in enumerate(messages)]


def is_cut(decision: Decision) -> bool:
    assert decision.ledger is not None
    return decision.ledger.selection.cut


def test_no_reasoning_stands_behind_another_prompt_than_it_was_made_under(deciding: Deciding) -> None:
    seen: list[tuple[str, int]] = []

    @settings(max_examples=25)
    @given(steps())
    def law(script: list[Step]) -> None:
        session = Session(deciding, caller())
        for step in script:
            decision = session.ask()
            session.take(step)
            seen.append((decision.outcome.result, thoughts(session.sent)))

    law()
    assert sum(done == "cut" for done, _ in seen) > 50  # the law is about something
    assert sum(done == "sticky" and n > 0 for done, n in seen) > len(seen) // 10


@settings(max_examples=25)
@given(st.data(), steps())
def test_prompts_between_two_cuts_begin_alike_whatever_marks_move(
    deciding: Deciding, data: st.DataObject, script: list[Step]
) -> None:
    session = Session(deciding, caller())
    for step in script:
        session.ask(
            marked=data.draw(st.none() | st.integers(0, 9)), mark=data.draw(st.sampled_from(MARKS))
        )
        session.take(step)


@settings(max_examples=20)
@given(st.data(), steps())
def test_what_stood_in_a_prompt_under_a_cut_stays_under_a_larger_budget(
    deciding: Deciding, data: st.DataObject, script: list[Step]
) -> None:
    session = Session(deciding, caller())
    high = HIGH
    for step in script:
        if is_cut(session.ask(high, LOW)):
            before = session.sent
            high = data.draw(st.sampled_from([HIGH, 100_000]))
            decision = session.ask(high, LOW)  # the same request again
            if high > HIGH:
                assert decision.outcome.result == "sticky"
                assert session.sent[: len(before)] == before
        session.take(step)


@settings(max_examples=20)
@given(st.data(), steps(), steps())
def test_a_fork_inherits_the_prompt_and_the_reasoning_of_the_history_that_it_leaves(
    deciding: Deciding, data: st.DataObject, script: list[Step], other: list[Step]
) -> None:
    session = Session(deciding, caller())
    prompts: list[tuple[Messages, Messages]] = []
    for step in script:
        session.ask()
        prompts.append((session.messages, session.sent))
        session.take(step)
    at = data.draw(st.integers(0, len(prompts) - 1))
    messages, sent = prompts[at]
    fork = Session(deciding, session.key, messages, sent)
    fork.take(script[at])
    fork.messages = [
        *fork.messages[:-1],
        {**fork.messages[-1], "content": "Something else altogether."},
    ]
    for step in other:
        fork.ask()
        fork.take(step)


def signatures(messages: Messages) -> set[str]:
    return {m["thinking_blocks"][0]["signature"] for m in messages if "thinking_blocks" in m}


@settings(max_examples=15)
@given(steps())
def test_reasoning_is_lost_at_cuts_alone(deciding: Deciding, script: list[Step]) -> None:
    session = Session(deciding, caller())
    for step in script:
        decision = session.ask()
        newest = step_of(session.messages)
        if not is_cut(decision) and newest is not None:
            assert newest in signatures(session.sent)
        session.take(step)


def step_of(messages: Messages) -> str | None:
    """Return the signature of the latest answer, None where it has none."""
    answers = [m for m in messages if m["role"] == "assistant"]
    if not answers or "thinking_blocks" not in answers[-1]:
        return None
    found: str = answers[-1]["thinking_blocks"][0]["signature"]
    return found


@settings(max_examples=15)
@given(steps())
def test_the_counted_tokens_of_a_prompt_without_reasoning_are_its_own(
    deciding: Deciding, script: list[Step]
) -> None:
    session = Session(deciding, caller())
    for step in script:
        decision = session.ask()
        if not thoughts(session.sent):
            assert decision.outcome.tokens_after == count(
                {"messages": json.loads(decision.body)["messages"]}
            )
        session.take(step)
