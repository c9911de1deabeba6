"""Slows down whoever tries out tokens, and says so in the log."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from time import monotonic

from fastapi import HTTPException

_log = logging.getLogger("foveate.access")
SLOW = 0.2  # seconds that a wrong token costs, one after another
MOST = 20  # wrong ones of an address that wait their turn; what else it sends is turned away
QUIET = 60.0  # seconds between two lines of the log


class Guesses:
    """The wrong tokens of late."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting: Counter[str] = Counter()  # by address
        self._since = 0  # wrong ones since the log last told of any
        self._told = -math.inf

    def check(self, client: str) -> None:
        """Raise HTTPException 429 for an address of which too many wrong ones wait: a token is not even
        looked at.
        """
        if self._waiting[client] >= MOST:
            raise HTTPException(429, "too many wrong tokens at once", {"retry-after": "10"})

    async def wrong(self, client: str) -> None:
        """Take note of a wrong token, and take the time that it costs."""
        self._tell(client)
        self._waiting[client] += 1
        try:
            async with self._turn:
                await asyncio.sleep(SLOW)
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]

    def _tell(self, client: str) -> None:
        self._since += 1
        if monotonic() - self._told < QUIET:
            return
        _log.warning("a wrong admin token from %s, the number %d of late", client, self._since)
        self._told = monotonic()
        self._since = 0
