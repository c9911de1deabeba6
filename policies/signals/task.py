"""Overlap with what the user has been after lately."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from policies.types import History, Scores


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
        latest = [*users[len(users) - self.turns :], history.query] if self.turns else [history.query]
        wanted = Counter(term for features in latest for term in sorted(features.terms))
        if not wanted or not n:
            return np.zeros(n)
        having = Counter(term for f in history.features for term in f.terms.keys() & wanted.keys())
        worth = {term: count * np.log1p(n / (1 + having[term])) for term, count in wanted.items()}
        total = sum(worth.values())
        shared = [sorted(f.terms.keys() & wanted.keys()) for f in history.features]
        return np.array([sum(worth[term] for term in terms) / total for terms in shared], dtype=float)
