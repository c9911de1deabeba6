"""What kind of conversation it is, read off the conversation itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foveate.policies.types import History, Scores, Vectors

TOOL_HALF_LIFE = 16.0  # segments: the tool share is that of the latest ones
RECENT = 1024  # segments: topics are judged by the latest ones
NEAR, FAR = 3, 16  # lags in segments


@dataclass(frozen=True, slots=True)
class Shape:
    """Five numbers that say how to prune a conversation."""

    persistence: float  # 0..1: share of the likeness of neighbours that is left 4 to 16 segments on
    speakers: float  # effective number: exp of the entropy of their shares of the segments
    answer_ratio: float  # log of the median assistant message's tokens over the median user's, 0..3
    tool_share: float  # of the tokens of the latest segments, 0..1
    variety: float  # of what is said, as the embedder tells it apart: 0..1


def shape_of(history: History) -> Shape:
    """Return the shape of a conversation."""
    segments = history.segments
    tokens = np.array([s.tokens for s in segments], dtype=float)
    tool = np.array([s.kind == "tool" for s in segments], dtype=bool)
    latest = history.vectors[-RECENT:]
    if history.likeness is not None:  # the vectors of some of the latest are at hand, and no more
        latest = latest[latest.any(axis=1)]
    recent = tokens * np.exp2(-np.arange(tokens.size)[::-1] / TOOL_HALF_LIFE)
    speakers = effective_number(
        [label or s.role for label, s in zip(speakers_of(history), segments, strict=True)]
    )
    return Shape(
        persistence=persistence(latest, speakers),
        speakers=speakers,
        answer_ratio=answer_ratio(history),
        tool_share=float(recent[tool].sum() / max(float(recent.sum()), 1e-9)),
        variety=variety(latest),
    )


def speakers_of(history: History) -> list[str]:
    """Return who speaks in each segment; empty everywhere unless most of the talk carries such labels.

    An answer that begins with "Note: " must not pass for one that somebody of that name has given.
    """
    labels = [
        "" if s.kind == "tool" else f.speaker
        for s, f in zip(history.segments, history.features, strict=True)
    ]
    talk = sum(s.kind != "tool" for s in history.segments)
    return labels if 2 * sum(map(bool, labels)) > talk else [""] * len(labels)


def effective_number(labels: Sequence[str]) -> float:
    """Return how many labels there are, rare ones counting less: the exponential of their entropy."""
    share = np.array(list(Counter(labels).values()), dtype=float) / max(1, len(labels))
    return float(np.exp(-(share * np.log(share)).sum())) if share.size else 1.0


def persistence(vectors: Vectors, speakers: float) -> float:
    """Return how long topics last, 0..1: the vectors' autocorrelation at lags 4 to 16 over that at lags
    1 to 3.

    A chat of two that hops from fact to fact has 0.05, a meeting 0.3 to 1. Without vectors for most
    segments the number of speakers must do.
    """
    known = vectors[vectors.any(axis=1)]
    if len(known) < 2 * FAR or 2 * len(known) < len(vectors):
        return 0.5 if speakers > 2.5 else 0.0
    centred = known - known.mean(axis=0)
    power = float(np.vdot(centred, centred)) / len(centred)
    likeness: Scores = np.array(
        [
            float(np.vdot(centred[:-lag], centred[lag:])) / (len(centred) - lag)
            for lag in range(1, FAR + 1)
        ]
    ) / max(power, 1e-9)
    return float(np.clip(likeness[NEAR:].mean() / max(float(likeness[:NEAR].mean()), 0.03), 0.0, 1.0))


def variety(vectors: Vectors) -> float:
    """Return one less the squared length of the vectors' mean, 0..1.

    Where an embedder knows a language its texts point everywhere, 0.6 to 0.9; one that does not sees the
    same in all of them, 0.3 to 0.5. Few vectors, or those of less than half of the segments, tell
    nothing, which passes for 1.
    """
    known = vectors[vectors.any(axis=1)]
    if len(known) < 2 * FAR or 2 * len(known) < len(vectors):
        return 1.0
    return 1.0 - float(np.square(known.mean(axis=0, dtype=float)).sum())


def answer_ratio(history: History) -> float:
    """Return the log of how much longer the assistant's messages are than the user's, by medians,
    within 0..3.
    """
    said = [s for s in history.segments if s.kind != "tool"]
    user = [s.tokens for s in said if s.role == "user"]
    answers = [s.tokens for s in said if s.role == "assistant"]
    if not user or not answers:
        return 0.0
    return min(
        max(math.log(max(1.0, float(np.median(answers))) / max(1.0, float(np.median(user)))), 0.0), 3.0
    )
