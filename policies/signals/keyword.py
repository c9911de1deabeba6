"""Words and identifiers shared with the latest user turn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Keyword:
    """BM25 of each segment for the query's terms.

    Robertson and Zaragoza 2009, The Probabilistic Relevance Framework: BM25 and Beyond.
    """

    k1: float = 1.5  # how soon repeats of a term stop counting
    b: float = 0.75  # how much a long segment is discounted

    def score(self, history: History) -> Scores:
        """Return BM25 sums, 0 and up, shape (n,)."""
        n = len(history.segments)
        scores = np.zeros(n)
        if not n:
            return scores
        lengths = np.array([f.length for f in history.features], dtype=float)
        norm = self.k1 * (1 - self.b + self.b * lengths / max(1.0, lengths.mean()))
        for term in sorted(history.query.terms):
            counts = np.array([f.terms.get(term, 0) for f in history.features], dtype=float)
            found = int(np.count_nonzero(counts))
            if found:
                idf = math.log(1 + (n - found + 0.5) / (found + 0.5))
                scores += idf * counts * (self.k1 + 1) / (counts + norm)
        return scores
