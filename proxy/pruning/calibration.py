"""Learns how an upstream's token counts differ from ours."""

from __future__ import annotations

from collections import OrderedDict

MODELS = 1000
LOWEST, HIGHEST = 0.5, 4.0
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
        if estimated < 200 or counted <= 0:  # of a short prompt the overheads say more than the text
            return
        seen = min(HIGHEST, max(1.0 if exact else LOWEST, counted / estimated))
        known = self._ratios.pop(model, seen)
        self._ratios[model] = seen if seen >= known else known + DECAY * (seen - known)
        while len(self._ratios) > MODELS:
            self._ratios.popitem(last=False)
