"""A named way to decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.fusion import standardise
from policies.pins import Pins
from policies.recall import Recall
from policies.types import History, Scores, Selector, Signal


@dataclass(frozen=True, slots=True)
class WeightedSignal:
    """A signal and how much it counts."""

    name: str
    weight: float
    signal: Signal


@dataclass(frozen=True, slots=True)
class Policy:
    """Signals with weights, the selector that spends the budget, what is pinned, and what comes back."""

    name: str
    signals: tuple[WeightedSignal, ...]
    selector: Selector
    pins: Pins = field(default_factory=Pins)
    recall: Recall = field(default_factory=Recall)

    def shares(self, history: History) -> Mapping[str, Scores]:
        """Return what each signal adds to the score of each segment: its standardised value times its weight."""
        return {s.name: s.weight * standardise(s.signal.score(history)) for s in self.signals if s.weight}
