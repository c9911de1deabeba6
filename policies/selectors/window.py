"""Newest first: the baseline that every context window applies by itself."""

from __future__ import annotations

from dataclasses import dataclass

from foveate.policies.selectors.filling import fill
from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Window:
    """Takes the newest segments whatever they score; with `head`, the oldest too, so that the middle
    goes.
    """

    head: float = 0.0  # share of the room for the oldest segments; 0.5 is middle-out

    def select(self, history: History, scores: Scores, room: int) -> frozenset[int]:
        """Return the chosen positions, `room` tokens at the most."""
        positions = range(len(history.segments))
        oldest = fill(history.segments, positions, int(room * self.head))
        return fill(history.segments, reversed(positions), room, oldest)
