"""Overlap with what the user has been after lately."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foveate.policies.terms import occurrences
from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Task:
    """Share of the topic words of the last few user turns, the latest among them, that a segment has.

    A word counts by the number of those turns that have it and by its rarity in the history.
    """

    turns: int = 3  # user turns ahead of the latest one

    def score(self, history: History) -> Scores:
        """Return values in [0, 1], shape (n,)."""
        n = len(history.segments)
        users = [f for s, f in zip(history.segments, history.features, strict=True) if s.role == "user"]
        latest = [*users[max(0, len(users) - self.turns) :], history.query]
        wanted, turns = np.unique(
            np.concatenate([features.terms for features in latest]), return_counts=True
        )
        where, which, _ = occurrences(history, wanted)
        if not where.size:
            return np.zeros(n)
        having = np.bincount(which, minlength=wanted.size)
        worth = turns * np.log1p(n / (1 + having))
        return np.asarray(np.bincount(where, worth[which], n), dtype=float) / float(worth.sum())
