"""Best first until the room is full."""

from __future__ import annotations

from dataclasses import dataclass

from foveate.policies.flow.fusion import best_first
from foveate.policies.selectors.filling import fill
from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Greedy:
    """Takes segments by falling score and skips what no longer fits, so smaller ones fill what is left.

    Of equal scores the newer one is taken first.
    """

    def select(self, history: History, scores: Scores, room: int) -> frozenset[int]:
        """Return the chosen positions, `room` tokens at the most."""
        return fill(history.segments, best_first(scores), room)
