"""Relevance and diversity."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from foveate.policies.selectors.filling import fill
from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Mmr:
    """Maximal marginal relevance (Carbonell and Goldstein 1998): best first, less the likeness to what
    is taken.

    HIES does so with attention heads. Penalties only grow, so a segment is looked at again only when it
    comes up.
    """

    diversity: float = 0.5  # what a cosine of 1 to a taken segment costs, in the units of the scores

    @property
    def whole(self) -> bool:
        """Whether it reads the segments' vectors."""
        return bool(self.diversity)

    def select(self, history: History, scores: Scores, room: int) -> frozenset[int]:
        """Return the chosen positions, `room` tokens at the most."""
        segments, vectors = history.segments, history.vectors
        heap = [(-float(score), -i, 0, 0.0) for i, score in enumerate(scores) if not segments[i].pin]
        heapq.heapify(heap)
        taken: list[int] = []
        left = room
        while heap:
            _, negative, seen, nearest = heapq.heappop(heap)
            i = -negative
            if segments[i].tokens > left:
                continue
            if seen < len(taken) and self.diversity:
                nearest = max(nearest, float((vectors[taken[seen:]] @ vectors[i]).max()))
                entry = (self.diversity * nearest - float(scores[i]), negative, len(taken), nearest)
                if heap and entry > heap[0]:
                    heapq.heappush(heap, entry)
                    continue
            taken.append(i)
            left -= segments[i].tokens
        return fill(segments, taken, room)
