"""Nearness to the end of the conversation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Recency:
    """Exponential decay with the age in user turns, and in hours since the proxy first saw the segment."""

    half_life_turns: float = 20.0  # turns after which a segment counts half; 0 leaves turns out
    half_life_hours: float = 0.0  # hours after which it counts half; 0 leaves hours out

    @property
    def whole(self) -> bool:
        """Whether it reads when the segments were first seen."""
        return bool(self.half_life_hours)

    def score(self, history: History) -> Scores:
        """Return values in (0, 1], shape (n,)."""
        turns = np.array([s.turn for s in history.segments], dtype=float)
        decayed = np.ones(turns.size)
        if self.half_life_turns and turns.size:
            decayed *= np.exp2((turns - turns.max()) / self.half_life_turns)
        if self.half_life_hours:
            decayed *= np.exp2(-history.age_hours / self.half_life_hours)
        return decayed
