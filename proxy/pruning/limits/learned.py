"""What refusals teach of windows: one caller's until others say the same, and not for ever."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FADES = 3600.0  # seconds after which a window is tried again
CONFIRMED = 3  # callers whose refusals make a window hold for all
MAX_LEARNED = 4000
SMALLEST = 256  # tokens that any chat model takes
NEAR = 0.5  # of a learned window: a prompt that we count smaller was not refused for being larger


@dataclass(slots=True)
class Seen:
    """What one caller has seen of one model."""

    accepted: int = 0  # tokens of the largest prompt that was answered
    window: int = 0  # that a refusal has named; 0 where none has
    at: float = 0.0


class Learned:
    """Windows by model and caller, from the upstream's own words and answers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str], Seen] = OrderedDict()  # by model and caller
        self._callers: dict[str, dict[str, Seen]] = {}  # the same by model

    def window(self, model: str, caller: str) -> int | None:
        """Return the window that holds for a caller, None where nothing was learned."""
        callers = self._callers.get(model)
        if callers is None:
            return None
        own = callers.get(caller)
        if own is not None and self._holds(own):
            return own.window
        accepted = max(seen.accepted for seen in callers.values())
        named = sorted([seen.window for seen in callers.values() if self._holds(seen)], reverse=True)
        # The largest that enough of them have been told: a few that lie cannot lower it.
        found = named[0] if len(named) >= CONFIRMED else 0
        return found if found > accepted else None

    def refused(self, model: str, caller: str, window: int, sent: int, ago: float = 0.0) -> bool:
        """Take in that the upstream has named a window to a caller who had sent a prompt of about `sent`
        tokens, so many seconds ago; say whether it is believed.
        """
        seen = self._of(model, caller)
        if window < SMALLEST or sent < window * NEAR or window < seen.accepted:
            return False
        seen.window = window
        seen.at = self._clock() - ago
        return True

    def accepted(self, model: str, caller: str, tokens: int) -> bool:
        """Take in that the upstream has answered a prompt of so many tokens, as it counts; say whether
        that is more than it was known to.
        """
        if tokens <= 0:
            return False
        seen = self._of(model, caller)
        more = tokens > seen.accepted
        seen.accepted = max(seen.accepted, tokens)
        if tokens > seen.window:
            seen.window = 0
        return more

    def _holds(self, seen: Seen) -> bool:
        return bool(seen.window) and self._clock() - seen.at < FADES

    def _of(self, model: str, caller: str) -> Seen:
        key = model, caller
        seen = self._seen.get(key)
        if seen is None:
            self._seen[key] = seen = Seen()
            self._callers.setdefault(model, {})[caller] = seen
        self._seen.move_to_end(key)
        while len(self._seen) > MAX_LEARNED:
            gone, _ = self._seen.popitem(last=False)
            callers = self._callers[gone[0]]
            del callers[gone[1]]
            if not callers:
                del self._callers[gone[0]]
        return seen
