"""What one request's decisions mean for the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from foveate.policies.policy import Policy
from foveate.policies.prune import absent, plan, prune
from foveate.policies.recall import EXCERPT_OVERHEAD
from foveate.policies.types import Budget, History, PruneState, Segment
from support.conversations import TOPICS, history, segment
from support.server import settings_for

ASKED = "Which platform does the night train to Vienna leave from?"
POLICY: Policy = settings_for("http://127.0.0.1:1").build_policies()["balanced"]
BUDGET = Budget(200, 100)


def talk(turns: int, question: str = ASKED) -> list[Segment]:
    """A system message, pairs of user and assistant segments of ten tokens, and a question."""
    said = [segment("Be kind.", role="system", turn=0)]
    for n in range(turns):
        topic = TOPICS[n % len(TOPICS)]
        said.append(segment(f"Note {n}: {topic}", turn=n + 1))
        said.append(segment(f"On note {n}: {topic}, indeed", role="assistant", turn=n + 1))
    said.append(segment(question, turn=turns + 1))
    return [replace(s, key=(i, -1), id=f"{s.role} {s.text}") for i, s in enumerate(said)]


def seen(segments: Sequence[Segment]) -> History:
    """The history of those segments."""
    return history(segments, segments[-1].text)


def dropped(*positions: int) -> frozenset[tuple[int, int]]:
    """Keys of whole messages."""
    return frozenset((i, -1) for i in positions)


def test_under_high_nothing_is_to_be_done() -> None:
    assert plan(talk(9), ASKED, POLICY, BUDGET, PruneState()) == "sticky"


def test_over_high_is_cut_and_at_high_is_not() -> None:
    assert plan(talk(9), ASKED, POLICY, Budget(199, 100), PruneState()) == "cut"
    assert plan(talk(9), ASKED, POLICY, Budget(200, 100), PruneState()) == "sticky"


def test_what_was_dropped_no_longer_counts_towards_high() -> None:
    state = PruneState(dropped(3, 4))
    assert plan(talk(10), "ok", POLICY, BUDGET, state) == "sticky"
    assert plan(talk(11), "ok", POLICY, BUDGET, state) == "cut"


def test_what_is_quoted_counts_towards_high() -> None:
    quoting = PruneState(dropped(1, 2, 3, 4), {15: ((3, -1),)})
    assert plan(talk(10), "ok", POLICY, Budget(180 + 10 + EXCERPT_OVERHEAD, 100), quoting) == "sticky"
    assert plan(talk(10), "ok", POLICY, Budget(179 + 10 + EXCERPT_OVERHEAD, 100), quoting) == "cut"


def test_a_cut_remembers_what_it_dropped_and_that_its_turn_was_judged() -> None:
    segments = talk(15)
    selection = prune(seen(segments), POLICY, BUDGET, PruneState())
    assert selection.cut
    assert selection.state.dropped == {v.segment.key for v in selection.verdicts if v.fate == "dropped"}
    assert selection.state.recalled == {31: ()}
    assert plan(segments, ASKED, POLICY, BUDGET, selection.state) == "sticky"


def test_a_cut_starts_afresh_and_lets_excerpts_go() -> None:
    before = PruneState(dropped(1, 2), {3: ((1, -1),)})
    selection = prune(seen(talk(15)), POLICY, BUDGET, before)
    assert selection.cut
    assert not selection.state.quoted


def test_a_turn_that_needs_what_was_dropped_gets_it_and_keeps_it() -> None:
    segments, roomy = talk(6), Budget(400, 200)
    state = PruneState(dropped(11, 12))
    first = prune(seen(segments), POLICY, roomy, state)
    assert not first.cut
    assert first.state.dropped == state.dropped
    assert first.state.quoted
    assert first.state.quoted <= state.dropped
    again = prune(seen(segments), POLICY, roomy, first.state)
    assert again.state == first.state
    later = [*segments, segment("A seat, too.", role="assistant", turn=7), segment("thanks!", turn=8)]
    later = [replace(s, key=(i, -1)) for i, s in enumerate(later)]
    assert prune(seen(later), POLICY, roomy, first.state).state == first.state


def test_a_turn_is_judged_once() -> None:
    state = PruneState(dropped(11, 12), {13: ()})
    assert plan(talk(6), ASKED, POLICY, BUDGET, state) == "sticky"


def test_where_no_user_has_spoken_nothing_is_quoted() -> None:
    silent = [replace(s, role="assistant") if s.role == "user" else s for s in talk(6)]
    assert plan(silent, ASKED, POLICY, BUDGET, PruneState(dropped(11, 12))) == "sticky"


def test_what_the_prompt_says_already_is_not_absent() -> None:
    segments = [segment("the same", turn=n + 1) for n in range(4)]
    segments = [replace(s, key=(i, -1), id="the same" if i < 3 else "else") for i, s in enumerate(segments)]
    assert absent(segments, PruneState(dropped(0, 1))) == []
    assert absent(segments, PruneState(dropped(0, 1, 2))) == [2]
    assert absent(segments, PruneState(dropped(0, 1, 2), {3: ((0, -1),)})) == []


@pytest.mark.parametrize("fate", ["kept", "dropped", "recalled"])
def test_every_fate_has_its_reason(fate: str) -> None:
    state = PruneState(dropped(1, 2), {3: ((1, -1),)})
    verdicts = prune(seen(talk(6, "ok")), POLICY, BUDGET, state).verdicts
    assert {v.segment.key[0] for v in verdicts if v.fate == "recalled"} == {1}
    assert {v.segment.key[0] for v in verdicts if v.fate == "dropped"} == {2}
    assert all(v.reason for v in verdicts if v.fate == fate)
