"""How often later segments come back to a segment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foveate.policies.terms import named_values
from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class References:
    """Later segments that name a segment's identifiers or quote its words, and how often it was
    recalled.

    An identifier that many segments name says little of each, as with inverse document frequency.
    """

    identifiers: float = 1.0  # what a later naming counts
    quotes: float = 1.0  # what a later quotation counts
    recalls: float = 1.0  # what an earlier recall counts

    @property
    def whole(self) -> bool:
        """Whether it reads how often the segments were recalled."""
        return bool(self.recalls)

    def score(self, history: History) -> Scores:
        """Return log(1 + count) as a share of the largest, in [0, 1], shape (n,)."""
        counts = self.identifiers * _named_later(history)
        if self.quotes:
            counts += self.quotes * _quoted(history)
        logs = np.log1p(counts + self.recalls * history.recalls)
        most = float(logs.max()) if logs.size else 0.0
        return logs / most if most else logs


def _named_later(history: History) -> Scores:
    """Return the shares of those that name a segment's identifiers which are newer than it, summed up,
    shape (n,).
    """
    what, where = history.once(named_values)
    total = np.bincount(what)[what]
    order = np.argsort(what, kind="stable")  # those that name the same one after another, oldest first
    ends = np.searchsorted(what[order], what, side="right")
    place = np.empty_like(what)
    place[order] = np.arange(what.size)
    return np.asarray(
        np.bincount(where, (ends - 1 - place) / total, len(history.segments)), dtype=float
    )


def _quoted(history: History, most: int = 64) -> Scores:
    """Return how often each segment is quoted by a later one, by the `most` newest quotations, shape
    (n,).
    """
    quotations = [(i, quote) for i, f in enumerate(history.features) for quote in f.quotes][-most:]
    counts = np.zeros(len(history.segments))
    if quotations:
        for i, segment in enumerate(history.segments[: quotations[-1][0]]):
            text = segment.text.lower()
            counts[i] = sum(text.count(quote) > 0 for later, quote in quotations if later > i)
    return counts
