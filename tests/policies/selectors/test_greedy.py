"""Best first until the room is full."""

from __future__ import annotations

import numpy as np

from foveate.policies.selectors.greedy import Greedy
from support.conversations import history, segment


def chosen(
    tokens: list[int], scores: list[float], room: int, pins: frozenset[int] = frozenset()
) -> frozenset[int]:
    segments = [
        segment(str(i), tokens=t, pin="pinned" if i in pins else "") for i, t in enumerate(tokens)
    ]
    return Greedy().select(history(segments), np.array(scores), room)


def test_the_best_are_taken_first() -> None:
    assert chosen([10, 10, 10], [1, 3, 2], room=20) == {1, 2}


def test_what_no_longer_fits_is_passed_over_for_what_does() -> None:
    assert chosen([10, 50, 10], [1, 3, 2], room=20) == {0, 2}


def test_of_equals_the_newer_is_taken() -> None:
    assert chosen([10, 10, 10], [1, 1, 1], room=20) == {1, 2}


def test_pinned_segments_are_not_chosen_again() -> None:
    assert chosen([10, 10], [2, 1], room=20, pins=frozenset({0})) == {1}


def test_no_room_takes_nothing() -> None:
    assert chosen([10, 10], [2, 1], room=0) == frozenset()
