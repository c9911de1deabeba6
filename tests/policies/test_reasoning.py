"""What a history weighs once a change at its beginning has taken reasoning out."""

from __future__ import annotations

import pytest

from foveate.policies.prune import Situation, surplus
from foveate.policies.reasoning import from_first_over, lightened, loose
from foveate.policies.recall import Turn
from foveate.policies.types import Budget, PruneState, Segment, Selection
from foveate.proxy.config.policies import build_policy
from foveate.proxy.config.schema import PolicySettings
from support.conversations import segment


def thinking(item: int, *, bound: bool, turn: int = 1) -> Segment:
    """Return what the model said at that place, with 40 of its 50 tokens as reasoning."""
    return segment(
        "so", tokens=50, role="assistant", turn=turn, key=(item, 0, -1), thought=40, bound=bound
    )


def asked(item: int, block: int = 0) -> Segment:
    return segment("and then?", role="user", key=(item, block, -1))


# A closed turn with one of each kind, and an open tool loop with one of each.
TALK = [
    asked(0),
    thinking(1, bound=True),
    thinking(2, bound=False),
    asked(3),
    thinking(4, bound=True),
    thinking(5, bound=False),
]


def places(segments: list[Segment]) -> list[int]:
    return [s.key[0] for s in segments]


def test_bound_reasoning_goes_wherever_it_stands_and_plain_reasoning_of_closed_turns_with_it() -> None:
    assert places(loose(TALK, insists=False)) == [1, 2, 4]


def test_an_open_loop_keeps_all_its_reasoning_where_the_provider_insists() -> None:
    assert places(loose(TALK, insists=True)) == [1, 2]


def test_words_beside_results_do_not_close_the_loop() -> None:
    assert places(loose([*TALK, asked(6, block=1)], insists=True)) == [1, 2]
    assert places(loose([*TALK, asked(6)], insists=True)) == [1, 2, 4, 5]


def test_where_no_user_has_spoken_every_turn_is_open() -> None:
    assert loose([thinking(0, bound=True), thinking(1, bound=False)], insists=True) == []
    assert places(loose([thinking(0, bound=True), thinking(1, bound=False)], insists=False)) == [0]


def test_sizes_are_less_by_what_goes_and_nothing_else_changes() -> None:
    light = lightened(TALK, insists=False)
    assert [s.tokens for s in light] == [10, 10, 10, 10, 10, 50]
    assert [s.id for s in light] == [s.id for s in TALK]


def test_a_history_without_reasoning_is_returned_as_it_is() -> None:
    plain = [asked(0), segment("yes", role="assistant", key=(1, 0, -1))]
    assert lightened(plain, insists=False) is plain


def test_reasoning_fits_up_to_the_first_that_does_not() -> None:
    thoughts = [TALK[1], TALK[2], TALK[4]]
    assert from_first_over(thoughts, 120) is None
    assert from_first_over(thoughts, 119) == TALK[4].key
    assert from_first_over(thoughts, -1) == TALK[1].key
    assert from_first_over([], -1) is None


@pytest.mark.parametrize(
    ("room", "bare"), [(120, []), (119, [4]), (80, [4]), (79, [2, 4]), (0, [1, 2, 4])]
)
def test_of_reasoning_that_could_go_the_oldest_stays_as_far_as_it_fits(
    room: int, bare: list[int]
) -> None:
    chosen = Selection(lightened(TALK, insists=False), PruneState(), True)
    most = sum(s.tokens for s in chosen.segments) + room
    policy = build_policy("p", PolicySettings(preset="balanced"))
    given = Situation(TALK, Turn(""), 0, policy, Budget(high=most + 30, low=most - 30))
    assert sorted(key[0] for key in surplus(given, chosen)) == bare
