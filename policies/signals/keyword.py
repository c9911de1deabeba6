"""Words and identifiers shared with the latest user turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policies.types import History, Scores


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
        wanted = {term: number for number, term in enumerate(sorted(history.query.terms))}
        where: list[int] = []
        which: list[int] = []
        often: list[int] = []
        for term, number in wanted.items():
            found = [i for i, features in enumerate(history.features) if term in features.terms]
            where += found
            which += [number] * len(found)
            often += [history.features[i].terms[term] for i in found]
        if not where:
            return np.zeros(n)
        at, what, counts = np.array(where), np.array(which), np.array(often, dtype=float)
        lengths = np.array([f.length for f in history.features], dtype=float)
        norm = self.k1 * (1 - self.b + self.b * lengths / max(1.0, lengths.mean()))
        having = np.bincount(what, minlength=len(wanted))
        idf = np.log(1 + (n - having + 0.5) / (having + 0.5))
        parts = idf[what] * counts * (self.k1 + 1) / (counts + norm[at])
        return np.asarray(np.bincount(at, parts, n), dtype=float) ** self.power
