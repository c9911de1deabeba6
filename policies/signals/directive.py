"""Standing instructions of the user, which outlive any similarity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foveate.policies.flow.shape import speakers_of
from foveate.policies.types import History, Key, Manner, Scores


def laid_down(history: History) -> list[Key]:
    """Return where the user has said how to behave or what is preferred, the newest first."""
    found = np.flatnonzero(Directive(correction=0.0).score(history))
    return [history.segments[i].key for i in found[::-1]]


@dataclass(frozen=True, slots=True)
class Directive:
    """Short user messages that tell the assistant how to behave, who the user is, or that something was
    wrong.

    Not where messages carry the names of speakers: there people talk to each other.
    """

    instruction: float = 1.0
    preference: float = 1.0
    correction: float = 0.5
    longest: int = 120  # tokens: a longer message with such words in it is about something else

    def score(self, history: History) -> Scores:
        """Return the largest constant that applies, 0 where none does, shape (n,)."""
        scores = np.zeros(len(history.segments))
        if any(history.once(speakers_of)):
            return scores
        worth = [self._of(manner) for manner in map(Manner, range(2 * Manner.CORRECTION))]
        for i, (segment, features) in enumerate(zip(history.segments, history.features, strict=True)):
            if features.manner and segment.role == "user" and segment.tokens <= self.longest:
                scores[i] = worth[features.manner]
        return scores

    def _of(self, manner: Manner) -> float:
        values = {
            Manner.INSTRUCTION: self.instruction,
            Manner.PREFERENCE: self.preference,
            Manner.CORRECTION: self.correction,
        }
        return max((value for kind, value in values.items() if kind in manner), default=0.0)
