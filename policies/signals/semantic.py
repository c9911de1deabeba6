"""Similarity in meaning to the latest user turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foveate.policies.flow.shape import shape_of
from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Semantic:
    """Cosine of a segment's and the query's sentence embeddings (Reimers and Gurevych 2019,
    Sentence-BERT).

    A segment without a vector scores as the mean of those that have one: neither praised nor blamed.
    """

    # Cosine that a score falls by e over, as in InfoNCE (Oord et al. 2018); 0: the cosine
    temperature: float = 0.0

    def trust(self, history: History) -> float:
        """Return the share of its weight that it deserves, 0..1.

        Less where the vectors have less variety than their embedder's have in a language that it knows:
        it tells little apart there.
        """
        if not history.varied:
            return 1.0
        return min(1.0, history.once(shape_of).variety / history.varied) ** 2

    def score(self, history: History) -> Scores:
        """Return cosines in [-1, 1], or their exponentials up to 1, shape (n,)."""
        found = history.cosines()
        known = ~np.isnan(found)
        scores = np.zeros(len(history.segments))
        if known.any():
            cosines = found[known]
            if self.temperature:
                cosines = np.exp((cosines - cosines.max()) / self.temperature)
            scores[:] = cosines.mean()
            scores[known] = cosines
        return scores
