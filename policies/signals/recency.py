"""Nearness to the end of the conversation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Recency:
    """Exponential decay with the age in user turns."""

    half_life_turns: float = 20.0  # turns after which a segment counts half

    def score(self, history: History) -> Scores:
        """Return values in (0, 1], shape (n,)."""
        turns = np.array([s.turn for s in history.segments], dtype=float)
        if not turns.size:
            return turns
        decayed: Scores = np.exp2((turns - turns.max()) / self.half_life_turns)
        return decayed
