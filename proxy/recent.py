"""The latest outcomes, to be looked up by id."""

from __future__ import annotations

from collections import OrderedDict

from proxy.outcome import Outcome


class Recent:
    """Keeps the last `max_outcomes`."""

    def __init__(self, max_outcomes: int) -> None:
        self._max = max_outcomes
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()

    def put(self, outcome: Outcome) -> None:
        """Keep `outcome`, in place of an earlier state of the same request."""
        self._outcomes[outcome.id] = outcome
        while len(self._outcomes) > self._max:
            self._outcomes.popitem(last=False)

    def get(self, key: str) -> Outcome | None:
        """Return the outcome of that id, None where it is unknown or forgotten."""
        return self._outcomes.get(key)
