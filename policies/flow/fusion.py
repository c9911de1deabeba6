"""Brings signals of different units together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foveate.policies.types import Scores


@dataclass(frozen=True, slots=True)
class Weighted:
    """The weighted sum of the signals, each standardised unless it is taken raw."""

    def share(self, scores: Scores, weights: Scores, raw: bool) -> Scores:
        """Return the signal's term of the sum."""
        return weights * (scores if raw else standardise(scores))


@dataclass(frozen=True, slots=True)
class ReciprocalRank:
    """The weighted sum of 1 / (k + rank) (Cormack et al. 2009); of equal scores the newer one ranks
    first.
    """

    k: float = 60.0  # how little the very first ranks stand out

    def share(self, scores: Scores, weights: Scores, raw: bool) -> Scores:
        """Return the signal's term of the sum; a rank has no units, so `raw` makes no difference."""
        ranks = np.empty(scores.size)
        ranks[best_first(scores)] = np.arange(1, scores.size + 1)
        return weights / (self.k + ranks)


def best_first(scores: Scores) -> list[int]:
    """Return positions by falling score; of equal scores the newer one comes first."""
    found: list[int] = np.lexsort((-np.arange(scores.size), -scores)).tolist()
    return found


def standardise(scores: Scores) -> Scores:
    """Return `scores` with mean 0 and variance 1 over the history; all 0 where they do not differ."""
    spread = scores.std() if scores.size else 0.0
    if spread < 1e-12:
        return np.zeros_like(scores)
    standardised: Scores = (scores - scores.mean()) / spread
    return standardised
