"""A bounded store for what was worked out of a segment once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from threading import Lock
from typing import Any


class Cache:
    """Least recently used first out, bounded in bytes as stated by whoever puts a value in; safe across threads."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Any:
        """Return the value under `key`, None where there is none."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def get_all(self, keys: Iterable[Hashable]) -> list[Any]:
        """Return the value under each key, None where there is none."""
        entries, touch = self._entries, self._entries.move_to_end
        found: list[Any] = []
        with self._lock:
            for key in keys:
                entry = entries.get(key)
                if entry is None:
                    found.append(None)
                else:
                    touch(key)
                    found.append(entry[0])
        return found

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keep `value`, which takes about `size` bytes; what no longer fits goes, a value larger than all at once."""
        with self._lock:
            if key in self._entries:
                self.bytes -= self._entries.pop(key)[1]
            self._entries[key] = (value, size)
            self.bytes += size
            while self.bytes > self.max_bytes:
                _, (_, freed) = self._entries.popitem(last=False)
                self.bytes -= freed
