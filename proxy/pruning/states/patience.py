"""How long a request waits for a remote store, and when the store is left alone."""

from __future__ import annotations

import math
import time

SHORT = 0.025  # seconds for a store of which nothing good is known
LONG = (
    0.25  # for one that answers: a late answer costs less than a cut that the provider's cache pays for
)
SILENCE = 0.5  # seconds without any answer to what was asked, after which it does not answer
OFTEN = 5  # late answers in a row, after which it is too slow


class Patience:
    """Keeps a store that hangs, or is always slow, from holding up more than a few requests."""

    def __init__(self, pause: float, silence: float = SILENCE) -> None:
        self._pause = pause
        self._silence = silence
        self._ask_again_at = -math.inf
        self._answers = False  # it has answered since it was last left alone
        self._unanswered_since: float | None = None
        self._late = 0  # in a row

    def is_over(self) -> bool:
        """Say whether the store is left alone now."""
        return time.monotonic() < self._ask_again_at

    def asked(self) -> float:
        """Take note that it is asked, and return how many seconds to wait."""
        if self._unanswered_since is None:
            self._unanswered_since = time.monotonic()
        return LONG if self._is_trusted() else SHORT

    def answered(self, in_time: bool) -> None:
        """Take note of an answer, which may have come too late for who has asked."""
        self._answers = True
        self._unanswered_since = None
        if in_time:
            self._late = 0

    def late(self) -> None:
        """Take note that somebody has waited in vain: leave it alone where it is not trusted."""
        self._late += 1
        if not self._is_trusted():
            self.failed()

    def failed(self) -> None:
        """Leave it alone for a while."""
        self._ask_again_at = time.monotonic() + self._pause
        self._answers = False
        self._unanswered_since = None
        self._late = 0

    def _is_trusted(self) -> bool:
        silent = (
            self._unanswered_since is not None
            and time.monotonic() - self._unanswered_since > self._silence
        )
        return self._answers and not silent and self._late < OFTEN
