"""A named way to decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from foveate.policies.flow import Fusion, Graph
from foveate.policies.flow.fusion import Weighted
from foveate.policies.flow.topics import Topics
from foveate.policies.pins import Pins
from foveate.policies.recall import Recall
from foveate.policies.results.settings import Results
from foveate.policies.selectors import Selector
from foveate.policies.signals import Signal
from foveate.policies.types import History, Kind, Scores


@dataclass(frozen=True, slots=True)
class WeightedSignal:
    """A signal and how much it counts."""

    name: str
    # One for all, or by kind of content; a kind that is not named counts 1
    weight: float | Mapping[Kind, float]
    signal: Signal
    raw: bool = False  # added in its own units, not standardised
    spread: bool = False  # flows along the graph, and is pooled over topics

    def weights(self, history: History) -> Scores:
        """Return the weight of each segment, shape (n,)."""
        if isinstance(self.weight, Mapping):
            weights = np.array([self.weight.get(s.kind, 1.0) for s in history.segments], dtype=float)
        else:
            weights = np.full(len(history.segments), float(self.weight))
        trust: Callable[[History], float] | None = getattr(self.signal, "trust", None)
        return weights if trust is None else weights * trust(history)


@dataclass(frozen=True, slots=True)
class Policy:
    """Signals with weights, how they flow, the selector that spends the budget, what is pinned, what
    comes back.
    """

    name: str
    signals: tuple[WeightedSignal, ...]
    selector: Selector
    fusion: Fusion = field(default_factory=Weighted)
    graph: Graph | None = None
    topics: Topics = field(default_factory=Topics)
    # Deviations from the mean score: what is below goes even where there is room
    threshold: float | None = None
    pins: Pins = field(default_factory=Pins)
    recall: Recall = field(default_factory=Recall)
    results: Results = field(default_factory=Results)

    @property
    def whole(self) -> bool:
        """Whether it reads more of the index than how like the latest turn each segment is: vectors,
        ages or recalls.
        """
        weighty = [s.signal for s in self.signals if s.weight]
        parts = (*weighty, self.selector, self.graph, self.topics)
        return any(getattr(part, "whole", False) for part in parts)

    def shares(self, history: History) -> Mapping[str, Scores]:
        """Return what each signal adds to the score of each segment."""
        return self._shares(history, partial(self._flowed, history))

    def own_shares(self, history: History) -> Mapping[str, Scores]:
        """Return what each signal would add if nothing flowed."""
        return self._shares(history, lambda share: share)

    def _shares(self, history: History, spread: Callable[[Scores], Scores]) -> Mapping[str, Scores]:
        found = {}
        for s in self.signals:
            weights = s.weights(history)
            if weights.any():
                found[s.name] = self.fusion.share(s.signal.score(history), weights, s.raw)
        flowing = [s.name for s in self.signals if s.spread and s.name in found]
        if flowing and (self.graph or self.topics.share):
            found |= together({name: spread(found[name]) for name in flowing})
        return found

    def _flowed(self, history: History, share: Scores) -> Scores:
        return self.topics.pool(history, self.graph.flow(history, share) if self.graph else share)

    def select(
        self, history: History, scores: Scores, room: int
    ) -> tuple[frozenset[int], frozenset[int]]:
        """Return the positions of what fills `room` tokens beside the pinned segments.

        And of what would have been among them, were its score not below the threshold.
        """
        chosen = self.selector.select(history, scores, room)
        if self.threshold is None or not scores.size:
            return chosen, frozenset()
        floor = scores.mean() + self.threshold * scores.std()
        below = frozenset(i for i in chosen if scores[i] < floor)
        return chosen - below, below


def together(parts: Mapping[str, Scores]) -> Mapping[str, Scores]:
    """Return `parts` moved and scaled so that their sum has mean 0 and variance 1: what flows keeps its
    weight.
    """
    deviation = sum(parts.values(), np.zeros(1)).std()
    scale = 1 / deviation if deviation > 1e-9 else 0.0
    return {name: scale * (part - part.mean()) for name, part in parts.items()}
