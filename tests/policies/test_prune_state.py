"""What one request's decisions mean for the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from foveate.policies.policy import Policy
from foveate.policies.prune import absent, selection_of
from foveate.policies.recall import EXCERPT_OVERHEAD, FRAME_OVERHEAD
from foveate.policies.seams import MARK_TOKENS
from foveate.policies.types import Budget, Extract, History, Key, PruneState, Segment, Shown
from foveate.proxy.config.policies import build_policy
from foveate.proxy.config.schema import PolicySettings
from support.conversations import TOPICS, history, pruned, segment, situation
from support.results import Words, unit

ASKED = "Which platform does the night train to Vienna leave from?"
POLICY: Policy = build_policy("balanced", PolicySettings(preset="balanced"))
BUDGET = Budget(200, 100)
ROOMY = Budget(410, 200)  # with an allowance for a single excerpt


def talk(turns: int, question: str = ASKED) -> list[Segment]:
    """A system message, pairs of user and assistant segments of ten tokens, and a question."""
    said = [segment("Be kind.", role="system", turn=0)]
    for n in range(turns):
        topic = TOPICS[n % len(TOPICS)]
        said.append(segment(f"Note {n}: {topic}", turn=n + 1))
        said.append(segment(f"On note {n}: {topic}, indeed", role="assistant", turn=n + 1))
    said.append(segment(question, turn=turns + 1))
    return [replace(s, key=(i, 0, -1), id=f"{s.role} {s.text}") for i, s in enumerate(said)]


def seen(segments: Sequence[Segment]) -> History:
    """The history of those segments."""
    return history(segments, segments[-1].text)


def key(position: int) -> Key:
    """The key of a whole message."""
    return (position, 0, -1)


def dropped(*positions: int) -> frozenset[Key]:
    """Keys of whole messages."""
    return frozenset(key(i) for i in positions)


def plan(segments: Sequence[Segment], query: str, budget: Budget, state: PruneState) -> str:
    """What has to be done about those segments."""
    return situation(segments, query, POLICY, budget, state).plan()


def test_under_high_nothing_is_to_be_done() -> None:
    assert plan(talk(9), ASKED, BUDGET, PruneState()) == "untouched"


def test_over_high_is_cut_and_at_high_is_not() -> None:
    assert plan(talk(9), ASKED, Budget(199, 100), PruneState()) == "cut"
    assert plan(talk(9), ASKED, Budget(200, 100), PruneState()) == "untouched"


def test_a_cut_stands_under_a_larger_budget_too() -> None:
    state = PruneState(dropped(3, 4), {5: (key(3),)})
    selection = pruned(seen(talk(9, "ok")), POLICY, Budget(10**6, 10**6), state)
    assert selection.state == state
    assert not selection.cut


def test_the_marks_at_seams_count_towards_high() -> None:
    state = PruneState(dropped(3, 6))
    given = situation(talk(9), "ok", POLICY, Budget(180 + 2 * MARK_TOKENS, 100), state)
    assert replace(given, turns=True).plan() == "sticky"
    assert replace(given, turns=True, budget=Budget(179 + 2 * MARK_TOKENS, 100)).plan() == "cut"


def test_what_a_turn_is_quoted_leaves_the_prompt_within_high() -> None:
    segments, state = talk(50), PruneState(dropped(11, 12, 21, 22, 23, 24))
    size = 10 * (len(segments) - 6)
    for high in (size, size + FRAME_OVERHEAD + 13, size + FRAME_OVERHEAD + 14):
        selection = pruned(seen(segments), POLICY, Budget(high, 100), state)
        after = situation(segments, ASKED, POLICY, Budget(high, 100), selection.state)
        assert len(selection.recalled) == (high - size) // (FRAME_OVERHEAD + 14)
        assert after.size() <= high


def test_what_was_dropped_no_longer_counts_towards_high() -> None:
    state = PruneState(dropped(3, 4))
    assert plan(talk(10), "ok", BUDGET, state) == "sticky"
    assert plan(talk(11), "ok", BUDGET, state) == "cut"


def test_what_is_quoted_counts_towards_high() -> None:
    quoting = PruneState(dropped(1, 2, 3, 4), {15: (key(3),)})
    assert (
        plan(talk(10), "ok", Budget(180 + 10 + EXCERPT_OVERHEAD + FRAME_OVERHEAD, 100), quoting)
        == "sticky"
    )
    assert (
        plan(talk(10), "ok", Budget(179 + 10 + EXCERPT_OVERHEAD + FRAME_OVERHEAD, 100), quoting)
        == "cut"
    )


def test_a_cut_remembers_what_it_dropped_and_that_its_turn_was_judged() -> None:
    segments = talk(15)
    selection = pruned(seen(segments), POLICY, BUDGET)
    assert selection.cut
    assert selection.state.dropped == {v.segment.key for v in selection.verdicts if v.fate == "dropped"}
    assert selection.state.recalled == {31: ()}
    assert plan(segments, ASKED, BUDGET, selection.state) == "sticky"


def test_a_cut_starts_afresh_and_lets_excerpts_go() -> None:
    before = PruneState(dropped(1, 2), {3: (key(1),)})
    selection = pruned(seen(talk(15)), POLICY, BUDGET, before)
    assert selection.cut
    assert not selection.state.quoted


def test_a_turn_that_needs_what_was_dropped_gets_it_and_keeps_it() -> None:
    segments = talk(20)
    state = PruneState(dropped(9, 10, 11, 12, 21, 22, 23, 24))
    first = pruned(seen(segments), POLICY, ROOMY, state)
    assert not first.cut
    assert first.state.dropped == state.dropped
    assert first.state.quoted
    assert first.state.quoted <= state.dropped
    again = pruned(seen(segments), POLICY, ROOMY, first.state)
    assert again.state == first.state
    later = [*segments, segment("A seat, too.", role="assistant", turn=21), segment("thanks!", turn=22)]
    later = [replace(s, key=key(i)) for i, s in enumerate(later)]
    assert pruned(seen(later), POLICY, ROOMY, first.state).state == first.state


def test_a_turn_is_judged_once() -> None:
    unjudged = PruneState(dropped(11, 12, 21, 22, 23, 24))
    assert plan(talk(15), ASKED, ROOMY, unjudged) == "recall"
    assert plan(talk(15), ASKED, ROOMY, replace(unjudged, recalled={31: ()})) == "sticky"


def test_where_no_user_has_spoken_nothing_is_quoted() -> None:
    silent = [replace(s, role="assistant") if s.role == "user" else s for s in talk(15)]
    assert plan(silent, ASKED, ROOMY, PruneState(dropped(11, 12, 21, 22, 23, 24))) == "sticky"


def test_without_scores_earlier_decisions_stand() -> None:
    state = PruneState(dropped(1, 2))
    given = situation(talk(15), ASKED, POLICY, BUDGET, state)
    assert given.plan() == "cut"
    assert selection_of(given).state == state


def test_what_the_prompt_says_already_is_not_absent() -> None:
    segments = [segment("the same", turn=n + 1) for n in range(4)]
    segments = [
        replace(s, key=key(i), id="the same" if i < 3 else "else") for i, s in enumerate(segments)
    ]
    assert absent(segments, PruneState(dropped(0, 1))) == []
    assert absent(segments, PruneState(dropped(0, 1, 2))) == [2]
    assert absent(segments, PruneState(dropped(0, 1, 2), {3: (key(0),)})) == []


LOG = "\n".join(f"[{i:3}/400] worker took part_{i * 37} of the queue" for i in range(400))


def quoted_of_a_log(*after: Segment, query: str) -> dict[int, tuple[Extract, ...]]:
    """Return what the newest item quotes of a log that is shown in part."""
    segments = [segment("Tidy up.", key=key(0)), unit(1, LOG), *after]
    state = PruneState(shown={(2, 0, 0): Shown(((0, 3), (396, 399)), 3000)})
    given = situation(segments, query, POLICY, Budget(9000, 5000), state)
    carrier = max(k[0] for s in segments for k in (s.key, *(r.key for r in s.results)))
    return dict(
        selection_of(replace(given, reader=Words(), carrier=carrier)).state.extracts  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("said", "quotes"), [("Where is part_3700?", True), ("Thanks: part_3700.", False)]
)
def test_a_turn_is_quoted_of_results_what_it_asks_for(said: str, quotes: bool) -> None:
    answer = segment("Done.", role="assistant", key=key(3))
    found = quoted_of_a_log(answer, segment(said, turn=2, key=key(4)), query=said)
    assert (4 in found) == quotes


def test_a_step_is_quoted_of_results_what_it_names_whatever_the_turn_asks() -> None:
    step = unit(3, "done", 'bash {"command": "rm part_3700"}')
    assert 4 in quoted_of_a_log(step, query="Tidy up.")


@pytest.mark.parametrize("fate", ["kept", "dropped", "recalled"])
def test_every_fate_has_its_reason(fate: str) -> None:
    state = PruneState(dropped(1, 2, 3, 4), {5: (key(1),)})
    verdicts = pruned(seen(talk(10, "ok")), POLICY, Budget(225, 100), state).verdicts
    assert {v.segment.key[0] for v in verdicts if v.fate == "recalled"} == {1}
    assert {v.segment.key[0] for v in verdicts if v.fate == "dropped"} == {2, 3, 4}
    assert all(v.reason for v in verdicts if v.fate == fate)
