"""Brings signals of different units together."""

from __future__ import annotations

import numpy as np

from policies.types import Scores


def standardise(scores: Scores) -> Scores:
    """Return `scores` with mean 0 and variance 1 over the history; all 0 where they do not differ."""
    spread = scores.std() if scores.size else 0.0
    if spread < 1e-12:
        return np.zeros_like(scores)
    standardised: Scores = (scores - scores.mean()) / spread
    return standardised
