"""Best first until the room is full."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Greedy:
    """Takes segments by falling score and skips what no longer fits, so smaller ones fill what is left.

    Of equal scores the newer one is taken first.
    """

    def select(self, history: History, scores: Scores, room: int) -> frozenset[int]:
        """Return the chosen positions, `room` tokens at the most."""
        chosen = set()
        positions = np.arange(len(history.segments))
        for i in np.lexsort((-positions, -scores)):
            segment = history.segments[i]
            if not segment.pin and segment.tokens <= room:
                chosen.add(int(i))
                room -= segment.tokens
        return frozenset(chosen)
