"""Which dropped segments the latest turn needs back, quoted ahead of its own words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from policies.types import History, Scores

EXCERPT_OVERHEAD = 12  # tokens that quoting takes beside the segment's own, the frame's share included


@dataclass(frozen=True, slots=True)
class Recall:
    """Between cuts, quotes dropped segments that match the latest turn well.

    The threshold is dynamic: a segment must stand out from the whole history by `threshold` standard deviations of
    its scores, and come within `margin` of the best. Nothing is quoted where what matches best is in the prompt.
    """

    enabled: bool = True
    tokens: int = 400  # the allowance of one turn
    threshold: float = 2.0
    margin: float = 1.5

    def choose(self, history: History, scores: Scores, dropped: Collection[int]) -> tuple[int, ...]:
        """Return positions of the dropped segments to quote, in their order, within the allowance."""
        if not self.enabled or not dropped or not scores.size:
            return ()
        spread = float(scores.std()) or 1.0
        floor = max(float(scores.mean()) + self.threshold * spread, float(scores.max()) - self.margin * spread)
        room = self.tokens
        chosen = []
        for i in sorted(dropped, key=lambda i: (-scores[i], -i)):
            cost = history.segments[i].tokens + EXCERPT_OVERHEAD
            if scores[i] < floor:
                break
            if cost <= room:
                chosen.append(i)
                room -= cost
        return tuple(sorted(chosen))
