"""Learns how an upstream's token counts differ from ours, from text alone."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection
from statistics import median

LOWEST, HIGHEST = 0.5, 2.0  # tokenizers differ by no more: beyond, something else was counted
EXACT_HIGHEST = 1.25  # where the tokenizer is the model's own, for what we leave out of a frame
SMALLEST = 1000  # tokens; of a shorter prompt the overheads say more than the text
SEEN = 15  # ratios that are remembered of one caller
ENOUGH = 3  # ratios before they count, and callers before they count for others
MAX_CALLERS = 4000  # callers by model

Ratios = deque[float]


class Calibration:
    """The ratio of the upstream's count to ours, by model, tokenizer and caller.

    A caller's own is the median of its latest, below 1 the highest: calls, results and talk are not
    counted alike, and what is counted too low breaks a budget. Before there are enough, it is the
    median of what other callers have. So one odd answer raises nothing, and one caller's answers move
    no other's counts. Where our tokenizer is the model's own the ratio is never below 1.
    """

    def __init__(self) -> None:
        # By model, tokenizer and caller
        self._seen: OrderedDict[tuple[str, str, str], Ratios] = OrderedDict()
        self._callers: dict[tuple[str, str], dict[str, Ratios]] = {}  # the same by model and tokenizer

    def ratio(self, model: str, tokenizer: str, caller: str) -> float:
        """Return what to multiply our count with."""
        callers = self._callers.get((model, tokenizer))
        if callers is None:
            return 1.0
        own = callers.get(caller, ())
        if len(own) >= ENOUGH:
            return _careful(own)
        others = [
            _careful(seen) for name, seen in callers.items() if name != caller and len(seen) >= ENOUGH
        ]
        return median(others) if len(others) >= ENOUGH else 1.0

    def observe(self, key: tuple[str, str, str], estimated: int, counted: int, exact: bool) -> bool:
        """Take in that the upstream counted `counted` tokens of text where we `estimated`; say whether
        that counts.

        `key` is the model, our tokenizer and the caller; `exact` says that the tokenizer is the model's
        own.
        """
        if estimated < SMALLEST or counted <= 0:
            return False
        ratio = counted / estimated
        if not LOWEST <= ratio <= (EXACT_HIGHEST if exact else HIGHEST):
            return False
        model, tokenizer, caller = key
        seen = self._seen.get(key)
        if seen is None:
            self._seen[key] = seen = deque(maxlen=SEEN)
            self._callers.setdefault((model, tokenizer), {})[caller] = seen
        seen.append(max(1.0, ratio) if exact else ratio)
        self._seen.move_to_end(key)
        while len(self._seen) > MAX_CALLERS:
            self._forget(next(iter(self._seen)))
        return True

    def _forget(self, key: tuple[str, str, str]) -> None:
        model, tokenizer, caller = key
        del self._seen[key]
        callers = self._callers[model, tokenizer]
        del callers[caller]
        if not callers:
            del self._callers[model, tokenizer]


def _careful(ratios: Collection[float]) -> float:
    """Return the median of ratios; below 1 the highest, as what is counted too low breaks a budget."""
    middle = median(ratios)
    return middle if middle >= 1.0 else min(1.0, max(ratios))
