"""What is told of a decision."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.policies.types import PruneState, Shown
from foveate.proxy.http.overrides import NO_OVERRIDES
from foveate.proxy.pruning.decision import decision_on, thoughts_of
from foveate.proxy.pruning.draft import Draft
from foveate.proxy.pruning.grounds import Grounds
from foveate.proxy.pruning.outcome import Outcome
from foveate.proxy.pruning.request import Decision, Request
from support.conversations import body, call, long_chat, segment
from support.conversations import result as tool_result
from support.deciding import CHAT, read
from support.grounds import earlier, grounds, limits, selection, state

PARSED = read(body(long_chat(10)))
WHOLE = b"as it came"
SMALLER = Draft(b"less", 120, shared=40, repeated=90)


def decided(given: Grounds, made: PruneState, cut: bool = False, draft: Draft = SMALLER) -> Decision:
    request = Request(CHAT, WHOLE, NO_OVERRIDES, "tenant")
    return decision_on(request, given, selection(PARSED, made, cut), draft)


def told(made: PruneState, cut: bool = False, **given: Any) -> Outcome:
    return decided(grounds(PARSED, **given), made, cut).outcome


@pytest.mark.parametrize(
    ("made", "cut", "result"),
    [
        (PruneState(), False, "untouched"),
        (PruneState(), True, "untouched"),
        (state([1]), True, "cut"),
        (state([1]), False, "sticky"),
        (state(bare=[2]), False, "sticky"),
    ],
)
def test_the_result_is_what_became_of_the_prompt(made: PruneState, cut: bool, result: str) -> None:
    assert told(made, cut).result == result


def test_a_prompt_over_the_limit_is_called_so_whatever_was_done() -> None:
    room = SMALLER.tokens - PARSED.fixed_tokens
    assert told(state([1]), cut=True, high=room - 1, low=1).result == "over"
    assert told(state([1]), cut=True, high=room, low=1).result == "cut"


def test_a_dry_run_sends_what_came_and_tells_what_would_have_gone() -> None:
    made = decided(grounds(PARSED, mode="dry-run"), state([1]), cut=True)
    assert made.body == WHOLE
    assert (made.outcome.result, made.outcome.tokens_after) == ("dry-run", 120)
    assert made.outcome.tokens_estimated == PARSED.tokens  # what is sent


def test_tokens_are_told_as_the_upstream_counts_them() -> None:
    outcome = told(state([1]), cut=True, limits=limits(1000, 500, ratio=2.0), earlier=earlier(5))
    assert outcome.tokens_before == 2 * PARSED.tokens
    assert (outcome.tokens_after, outcome.tokens_prefix, outcome.tokens_repeated) == (240, 80, 180)
    assert outcome.tokens_estimated == 120


def test_no_prefix_is_told_of_a_conversation_that_nothing_is_known_of() -> None:
    assert told(state([1]), cut=True).tokens_prefix is None


def test_segments_are_counted_and_the_ledger_says_where_they_stand() -> None:
    made = decided(grounds(PARSED), PruneState(state([1, 2, 3]).dropped, {20: ((1, 0, -1),)}))
    outcome = made.outcome
    assert (outcome.segments, outcome.kept, outcome.recalled, outcome.dropped) == (22, 19, 1, 2)
    assert outcome.tokens_recalled == PARSED.segments[1].tokens
    assert made.ledger is not None
    assert made.ledger.places == [(i,) for i in range(22)]


def test_the_policy_that_is_told_is_the_one_whose_cut_it_is() -> None:
    before = earlier(5, state([1]), policy="another")
    assert told(before.state, earlier=before).policy == "another"
    assert told(state([1, 2]), cut=True, earlier=before).policy == "mine"
    assert told(PruneState()).policy == "mine"


@pytest.mark.parametrize(("born", "result"), [(True, "shortened"), (False, "sticky")])
def test_what_results_take_less_is_told_by_when_that_was_decided(born: bool, result: str) -> None:
    parsed = read(
        body([{"role": "user", "content": "Look."}, call("c1"), tool_result("c1", "word " * 99)])
    )
    (answer,) = [r for s in parsed.segments for r in s.results]
    made = PruneState(shown={answer.key: Shown((), 30, born=born)})
    request = Request(CHAT, WHOLE, NO_OVERRIDES, "tenant")
    outcome = decision_on(request, grounds(parsed), selection(parsed, made, False), SMALLER).outcome
    assert outcome.result == result
    assert (outcome.tokens_born, outcome.tokens_cut) == ((30, 0) if born else (0, 30))


@pytest.mark.parametrize("guessed", [True, False])
def test_a_prompt_with_a_picture_is_told_as_guessed(guessed: bool) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    said = [{"type": "text", "text": "Look."}, *([picture] if guessed else [])]
    parsed = read(body([{"role": "user", "content": said}]))
    request = Request(CHAT, WHOLE, NO_OVERRIDES, "tenant")
    made = decision_on(request, grounds(parsed), selection(parsed, PruneState(), False), SMALLER)
    assert made.outcome.guessed == guessed


def test_a_request_without_messages_is_of_no_conversation() -> None:
    parsed = read(body([]))
    request = Request(CHAT, WHOLE, NO_OVERRIDES, "tenant")
    made = decision_on(request, grounds(parsed), selection(parsed, PruneState()), SMALLER)
    assert made.outcome.conversation == ""


def test_reasoning_goes_on_unless_it_was_dropped_or_taken_out() -> None:
    said = [segment("so", role="assistant", thought=n, key=(n, 0, -1)) for n in (40, 30, 20)]
    assert thoughts_of(said, state([30], bare=[20])) == (40, 50)
