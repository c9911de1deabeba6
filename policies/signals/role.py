"""Who said it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Role:
    """A constant per role: what the user said is the user's only copy, what the model said it can say
    again.
    """

    user: float = 1.0
    assistant: float = 0.5
    tool: float = 0.5  # tool calls with their results

    def score(self, history: History) -> Scores:
        """Return the constants, shape (n,)."""
        values = {"user": self.user, "assistant": self.assistant}
        return np.array(
            [
                self.tool if s.kind == "tool" else values.get(s.role, self.assistant)
                for s in history.segments
            ],
            dtype=float,
        )
