"""Low where a newer segment says nearly the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Novelty:
    """How unlike each segment is to all that follow it closely, so that the current value of a fact
    wins.

    The largest cosine to a newer segment, from `alike` on; a segment without a vector counts as new.
    """

    alike: float = 0.6  # cosine up to which two segments say different things
    reach: int = 256  # segments after it that are compared

    @property
    def whole(self) -> bool:
        """Whether it reads the segments' vectors."""
        return True

    def score(self, history: History) -> Scores:
        """Return values in [0, 1], 1 for what nothing newer repeats, shape (n,)."""
        n = len(history.segments)
        nearest = np.zeros(n)
        block = max(1, self.reach)
        for start in range(0, n, block):
            here = history.vectors[start : start + block]
            ahead = history.vectors[start : start + block + self.reach]
            cosines = here @ ahead.T
            distance = np.arange(len(ahead)) - np.arange(len(here))[:, None]
            cosines[(distance < 1) | (distance > self.reach)] = 0.0
            nearest[start : start + block] = cosines.max(axis=1)
        return 1 - np.clip((nearest - self.alike) / max(1 - self.alike, 1e-9), 0.0, 1.0)
