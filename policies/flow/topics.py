"""Topics: where one ends and the next begins, and what a topic's score gives to its members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.policies.types import History, Scores, Vectors

WINDOW = 6  # segments compared on either side of a boundary
LOOK = 12  # segments to look for a peak on either side of a dip
RUN = 256  # boundaries that are compared at a time: their sums take a few times what the vectors do


@dataclass(frozen=True, slots=True)
class Topics:
    """Gives each segment a share of its topic's mean score; off at share 0.

    A boundary is a dip of similarity deeper than the mean depth by `depth` deviations (Hearst 1997,
    TextTiling), or a pause of `gap_hours` between the times that two segments were first seen.
    """

    share: float = 0.0  # of the score, the rest is the segment's own
    depth: float = 0.5
    gap_hours: float = 4.0

    @property
    def whole(self) -> bool:
        """Whether it reads the segments' vectors, and when they were first seen."""
        return bool(self.share)

    def pool(self, history: History, scores: Scores) -> Scores:
        """Return the scores with the topic's part mixed in; linear."""
        if not self.share or not scores.size:
            return scores
        labels = self.labels(history)
        means = np.bincount(labels, scores) / np.bincount(labels).clip(1)
        pooled: Scores = (1 - self.share) * scores + self.share * means[labels]
        return pooled

    def labels(self, history: History) -> NDArray[np.intp]:
        """Return the number of each segment's topic, from 0, never falling, shape (n,)."""
        begins = dips(history.vectors, self.depth)
        begins[1:] |= -np.diff(history.age_hours) > self.gap_hours
        begins[:1] = False
        return np.cumsum(begins)


def dips(vectors: Vectors, depth: float) -> NDArray[np.bool_]:
    """Return where the segments before and after are least alike, shape (n,)."""
    n = len(vectors)
    if n < 2 * WINDOW + 1 or not vectors.any():
        return np.zeros(n, dtype=bool)
    alike = np.ones(n)
    for start in range(WINDOW, n - WINDOW + 1, RUN):
        end = min(start + RUN, n - WINDOW + 1)
        alike[start:end] = _likeness(vectors[start - WINDOW : end + WINDOW - 1])
    left = np.array([alike[max(0, i - LOOK) : i + 1].max() for i in range(n)])
    right = np.array([alike[i : i + LOOK + 1].max() for i in range(n)])
    lowest = np.array([alike[max(0, i - WINDOW) : i + WINDOW + 1].min() for i in range(n)])
    depths = left + right - 2 * alike
    found: NDArray[np.bool_] = (alike == lowest) & (depths > depths.mean() + depth * depths.std())
    return found


def _likeness(vectors: Vectors) -> Scores:
    """Return the cosine of what stands before and after each boundary that has WINDOW vectors on either
    side.
    """
    sums = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0, dtype=float)])
    windows = sums[WINDOW:] - sums[:-WINDOW]
    before, after = windows[:-WINDOW], windows[WINDOW:]
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    likeness: Scores = (before * after).sum(axis=1) / lengths.clip(1e-9)
    return likeness
