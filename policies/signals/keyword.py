"""Words and identifiers shared with the latest user turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foveate.policies.terms import occurrences
from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Keyword:
    """BM25 of each segment for the query's terms, to a power.

    Robertson and Zaragoza 2009, The Probabilistic Relevance Framework: BM25 and Beyond.
    """

    k1: float = 1.2  # how soon repeats of a term stop counting
    b: float = 0.5  # how much a long segment is discounted
    power: float = 2.0  # over 1, several rare words in one segment count for more than their sum

    def score(self, history: History) -> Scores:
        """Return BM25 sums to `power`, 0 and up, shape (n,)."""
        n = len(history.segments)
        wanted = history.query.terms
        at, what, counts = occurrences(history, wanted)
        if not at.size:
            return np.zeros(n)
        lengths = np.array([f.length for f in history.features], dtype=float)
        norm = self.k1 * (1 - self.b + self.b * lengths / max(1.0, lengths.mean()))
        having = np.bincount(what, minlength=wanted.size)
        idf = np.log(1 + (n - having + 0.5) / (having + 0.5))
        parts = idf[what] * counts * (self.k1 + 1) / (counts + norm[at])
        return np.asarray(np.bincount(at, parts, n), dtype=float) ** self.power
