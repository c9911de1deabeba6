"""What a token costs: how much relevance a segment must bring for its length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foveate.policies.flow.shape import Shape
from foveate.policies.types import Scores, Segment


def discount(segments: Sequence[Segment], strength: float) -> Scores:
    """Return strength * log(tokens): taken from a score it is the log form of score / tokens^strength."""
    tokens: Scores = np.array([max(s.tokens, 1) for s in segments], dtype=float)
    return np.log(tokens) * strength


def talk_strength(shape: Shape, persistence: float, answers: float) -> float:
    """Return the strength for talk, from its shape and the price of one unit of each."""
    return persistence * shape.persistence + answers * shape.answer_ratio
