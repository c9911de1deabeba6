"""Best for its length first."""

from __future__ import annotations

from dataclasses import dataclass

from foveate.policies.flow.fusion import best_first
from foveate.policies.flow.shape import shape_of
from foveate.policies.selectors.filling import fill
from foveate.policies.selectors.price import discount, talk_strength
from foveate.policies.types import History, Scores


@dataclass(frozen=True, slots=True)
class Density:
    """Takes segments by falling score less `strength` * log(tokens): score per token, on a log scale.

    The strength is read off the conversation: where topics last, or answers are much longer than the
    user's turns, many short segments tell more than a few long ones.
    """

    fixed: float = 0.0  # strength whatever the conversation
    persistence: float = 0.9  # strength added per unit of persistence
    answers: float = 0.25  # strength added per unit of the answer ratio

    def select(self, history: History, scores: Scores, room: int) -> frozenset[int]:
        """Return the chosen positions, `room` tokens at the most."""
        return fill(history.segments, best_first(scores - self.price(history)), room)

    def price(self, history: History) -> Scores:
        """Return what each segment's length takes from its score."""
        strength = self.fixed + talk_strength(history.once(shape_of), self.persistence, self.answers)
        return discount(history.segments, strength)
