"""What one request's prompt owes to the one before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.conversations import TOPICS
from support.sessions import Deciding, caller, pieces


@pytest.fixture(scope="module")
def deciding() -> Iterator[Deciding]:
    """A pruner for the whole module."""
    with Deciding() as made:
        yield made


def speech(n: int) -> str:
    """Return some 2000 tokens in paragraphs."""
    return "\n\n".join(
        [f"Point {n}.{i}: {TOPICS[(n + i) % len(TOPICS)]}, as everybody knows." for i in range(100)]
    )


def test_what_a_cut_has_left_out_whole_stays_out_once_it_would_be_split(deciding: Deciding) -> None:
    key = caller()
    said: list[dict[str, Any]] = [{"role": "user", "content": "Discuss it among yourselves."}]
    said += [{"role": "assistant", "name": f"agent{n % 3}", "content": speech(n)} for n in range(8)]
    first = deciding.ask(said, key, 10_000, 6_000)
    assert first.outcome.result == "cut"
    after = deciding.ask([*said, {"role": "user", "content": "Thanks."}], key, 10_000, 6_000)
    assert after.outcome.result == "sticky"
    sent = pieces(first.body)
    assert pieces(after.body)[: len(sent)] == sent


@pytest.mark.parametrize(("low", "result"), [(1_700, "sticky"), (1_200, "cut")])
def test_a_question_near_the_limit_is_quoted_what_fits_or_cut_for(
    deciding: Deciding, low: int, result: str
) -> None:
    key, high = caller(), 2_000
    said: list[dict[str, Any]] = []
    for n in range(60):
        topic = TOPICS[n % len(TOPICS)]
        said.append({"role": "user", "content": f"Note {n}: {topic}. I think that {n * 37} matters."})
        said.append({"role": "assistant", "content": f"On note {n}: {topic}, with code X{n * 91}."})
    before = deciding.ask([*said, {"role": "user", "content": "Well then."}], key, high, low)
    while (before.outcome.tokens_after or high) < high - 70:
        said += [{"role": "user", "content": "Well then."}, {"role": "assistant", "content": "Good."}]
        before = deciding.ask([*said, {"role": "user", "content": "Well then."}], key, high, low)
    assert b"X273" not in before.body
    said += [{"role": "user", "content": "Well then."}, {"role": "assistant", "content": "Good."}]
    asked = "What code did you give on note 3 about the invoices for March?"
    after = deciding.ask([*said, {"role": "user", "content": asked}], key, high, low)
    assert after.outcome.result == result
    assert (after.outcome.tokens_after or high) <= high
    assert (b"X273" in after.body) == (result == "cut")


def test_two_models_that_are_asked_the_same_in_turn_each_keep_their_cut(deciding: Deciding) -> None:
    key = caller()
    said: list[dict[str, Any]] = []
    for n in range(8):
        said += [
            {"role": "user", "content": speech(n)},
            {"role": "assistant", "content": f"Noted, {n}."},
        ]
    previous: dict[str, list[bytes]] = {"gpt-4o": [], "gpt-4.1": []}
    for n in range(3):
        said.append({"role": "user", "content": f"Go on, {n}."})
        for model, before in previous.items():
            decision = deciding.ask(said, key, 10_000, 6_000, model=model)
            assert decision.outcome.result == ("sticky" if n else "cut")
            sent = pieces(decision.body)
            assert sent[: len(before)] == before
            previous[model] = sent
        said.append({"role": "assistant", "content": "Good."})
