"""Learns how an upstream's token counts differ from ours."""

from __future__ import annotations

from collections import OrderedDict

MODELS = 1000
LOWEST, HIGHEST = 0.5, 4.0
SHORT = 1000  # tokens: of a shorter prompt what tools and frames take says more than the text, which is what grows
DECAY = 0.05  # how far each lower observation pulls an estimate down: too low is what overflows a window


class Calibration:
    """The ratio of the upstream's count to ours, by model: up at once, down slowly.

    tiktoken is exact for OpenAI's models and an estimate for all others. Where it is exact the ratio is never taken
    below 1, since a lower one only says that a request held something counted generously.
    """

    def __init__(self) -> None:
        self._ratios: OrderedDict[str, float] = OrderedDict()

    def ratio(self, model: str) -> float:
        """Return what to multiply our count with."""
        return self._ratios.get(model, 1.0)

    def observe(self, model: str, estimated: int, counted: int, exact: bool) -> None:
        """Take in that the upstream counted `counted` tokens where we `estimated`."""
        if estimated < SHORT or counted <= 0:
            return
        seen = min(HIGHEST, max(1.0 if exact else LOWEST, counted / estimated))
        known = self._ratios.pop(model, seen)
        self._ratios[model] = seen if seen >= known else known + DECAY * (seen - known)
        while len(self._ratios) > MODELS:
            self._ratios.popitem(last=False)
