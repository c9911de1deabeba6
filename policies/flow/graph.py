"""The conversation as a graph: scores flow between segments that belong together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from foveate.policies.flow.shape import shape_of
from foveate.policies.types import History, Scores

RARE = 5  # segments: an identifier that more of them name ties nothing together


@dataclass(frozen=True, slots=True)
class Neighbours:
    """An answer sits beside its question: scores flow both ways by exp(-distance / width), in segments.

    The width is read off the conversation: `per_speaker` for each effective speaker, more where topics
    last. A segment's own score counts more where they do not: there a query asks about one message,
    else about an exchange.
    """

    per_speaker: float = 0.7
    persistence: float = 6.0  # times 1 + this * persistence
    longest: float = 24.0
    own: float = 1.5  # its own score counts 1 + this * (1 - persistence)

    def flow(self, history: History, scores: Scores) -> Scores:
        """Return the scores, each with its neighbours' parts."""
        shape = history.once(shape_of)
        width = min(
            self.longest, self.per_speaker * shape.speakers * (1 + self.persistence * shape.persistence)
        )
        if width < 0.05 or not scores.size:
            return scores
        reach = max(1, math.ceil(4 * width))
        kernel = np.exp(-np.abs(np.arange(-reach, reach + 1)) / width)
        kernel[reach] = 1 + self.own * (1 - shape.persistence)
        flowed: Scores = np.convolve(scores, kernel)[reach : reach + scores.size]
        return flowed


@dataclass(frozen=True, slots=True)
class PageRank:
    """Personalised PageRank from the query over all edges (Zero-TPrune, Wang et al. 2024, does so on
    attention).

    Edges: neighbours, two segments that share a rare identifier (a tool result and the turn that used
    it among them), and the most similar segments. Linear in the scores, which are where the walk
    restarts.
    """

    restart: float = 0.5
    neighbours: float = 1.0  # weight of each kind of edge; 0 leaves it out
    identifiers: float = 1.0
    similarity: float = 0.5
    nearest: int = 3  # edges by similarity a segment
    steps: int = 12

    @property
    def whole(self) -> bool:
        """Whether it reads the segments' vectors."""
        return bool(self.similarity)

    def flow(self, history: History, scores: Scores) -> Scores:
        """Return the stationary scores."""
        n = len(history.segments)
        source, target, weight = self.edges(history)
        if not weight.size:
            return scores
        weight = weight / np.bincount(source, weight, n).clip(1e-12)[source]
        flowed = scores
        for _ in range(self.steps):
            flowed = self.restart * scores + (1 - self.restart) * np.bincount(
                target, weight * flowed[source], n
            )
        return flowed

    def edges(self, history: History) -> tuple[Scores, Scores, Scores]:
        """Return sources, targets and weights, both directions of each edge."""
        found = [*self.chain(history)]
        if self.identifiers:
            found += [(a, b, self.identifiers) for a, b in shared_identifiers(history)]
        if self.similarity:
            found += [(a, b, self.similarity * w) for a, b, w in alike(history, self.nearest)]
        a, b, w = (np.array([edge[k] for edge in found]) for k in range(3))
        return (
            np.concatenate([a, b]).astype(np.intp),
            np.concatenate([b, a]).astype(np.intp),
            np.concatenate([w, w]),
        )

    def chain(self, history: History) -> Iterator[tuple[int, int, float]]:
        """Yield the edges along the conversation."""
        if self.neighbours:
            yield from ((i, i + 1, self.neighbours) for i in range(len(history.segments) - 1))


def shared_identifiers(history: History) -> Iterator[tuple[int, int]]:
    """Yield pairs of segments, one naming a rare identifier first and the other next."""
    naming: dict[str, list[int]] = {}
    for i, features in enumerate(history.features):
        for identifier in features.identifiers:
            naming.setdefault(identifier, []).append(i)
    for places in naming.values():
        if len(places) <= RARE:
            yield from pairwise(places)


def alike(history: History, nearest: int, block: int = 512) -> Iterator[tuple[int, int, float]]:
    """Yield each segment's most similar ones within its block of the conversation, with their cosines."""
    for start in range(0, len(history.segments), block):
        vectors = history.vectors[start : start + block]
        cosines = vectors @ vectors.T
        np.fill_diagonal(cosines, -1.0)
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :nearest]
        for i, row in enumerate(best.tolist()):
            yield from (
                (start + i, start + j, float(cosines[i, j])) for j in row if cosines[i, j] > 0.3
            )
