"""States that live and die with the process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

MIB = 1024 * 1024


class InMemoryStates:
    """Least recently used first out beyond `max_mib`; nothing lives longer than `ttl_hours` unused."""

    remote = shared = False
    NUMBERS = 1000  # kept before those that have ended are looked for
    OVERHEAD = 250  # bytes an entry takes beside its value

    def __init__(self, max_mib: float, ttl_hours: float) -> None:
        self._max_bytes = int(max_mib * MIB)
        self._ttl = ttl_hours * 3600
        self.bytes = 0
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._numbers: dict[str, tuple[float, int]] = {}  # until when, and how many

    def __len__(self) -> int:
        return len(self._entries)

    async def first(self, keys: Iterable[str]) -> tuple[int, bytes] | None:
        """Return the position and value of the first known key."""
        now = time.monotonic()
        for i, key in enumerate(keys):
            entry = self._entries.get(key)
            if entry is not None and now - entry[0] <= self._ttl:
                self._entries[key] = (now, entry[1])
                self._entries.move_to_end(key)
                return i, entry[1]
        return None

    async def put(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`."""
        now = time.monotonic()
        if key in self._entries:
            self._forget(key)
        self._entries[key] = (now, value)
        self.bytes += len(value) + self.OVERHEAD
        while self._entries and (self.bytes > self._max_bytes or self._expired(now)):
            self._forget(next(iter(self._entries)))

    async def add(self, key: str, amount: int, seconds: int) -> int:
        """Add to the number under `key`, and return the sum."""
        now = time.monotonic()
        until, number = self._numbers.get(key, (now + seconds, 0))
        self._numbers[key] = (until, number + amount)
        if len(self._numbers) > self.NUMBERS:
            self._numbers = {name: kept for name, kept in self._numbers.items() if kept[0] > now}
        return number + amount

    async def settled(self) -> None:
        """Return: nobody else looks here."""

    async def tell(self, lessons: Sequence[bytes]) -> None:
        """Tell nobody."""

    async def news(self) -> Sequence[tuple[float, bytes]]:
        """Return nothing."""
        return ()

    def _expired(self, now: float) -> bool:
        return now - next(iter(self._entries.values()))[0] > self._ttl

    def _forget(self, key: str) -> None:
        _, value = self._entries.pop(key)
        self.bytes -= len(value) + self.OVERHEAD

    async def aclose(self) -> None:
        """Do nothing."""
