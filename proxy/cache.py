"""A bounded store for what was worked out of a message or a segment once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from threading import Lock
from typing import Any

Sized = tuple[Any, int]  # a value, and the bytes that it takes


class Cache:
    """Keeps within `max_bytes`, as stated by whoever puts a value in; safe across threads.

    Entries live in two generations: what is put or asked for goes to the young one. Once that holds
    half of the bytes it becomes the old one, and what was not asked for since the last time goes. So a
    look-up moves nothing, as it would in a list by age.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._spaces: dict[Hashable, Space] = {}
        self._young = self._old = 0  # bytes
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """What all entries take."""
        return self._young + self._old

    def __len__(self) -> int:
        return sum(len(space.young) + len(space.old) for space in list(self._spaces.values()))

    def space(self, *name: Hashable) -> Space:
        """Return the entries of one kind, whose keys mean nothing to those of another."""
        return self._spaces.get(name) or self._spaces.setdefault(name, Space(self))

    def _keep(self, space: Space, key: Hashable, entry: Sized) -> None:
        size = entry[1]
        with self._lock:
            self._forget(space, key)
            if size > self.max_bytes // 2:
                return
            if self._young + size > self.max_bytes // 2:
                for each in list(self._spaces.values()):
                    each.young, each.old = {}, each.young
                self._young, self._old = 0, self._young
            space.young[key] = entry
            self._young += size

    def _forget(self, space: Space, key: Hashable) -> None:
        old, young = space.old.pop(key, None), space.young.pop(key, None)
        self._old -= old[1] if old else 0
        self._young -= young[1] if young else 0


class Space:
    """The entries of one kind."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.young: dict[Hashable, Sized] = {}
        self.old: dict[Hashable, Sized] = {}

    def get(self, key: Hashable) -> Any:
        """Return the value under `key`, None where there is none."""
        entry = self.young.get(key) or self._renewed(key)
        return entry and entry[0]

    def get_all(self, keys: Iterable[Hashable]) -> list[Any]:
        """Return the value under each key, None where there is none."""
        keys = keys if isinstance(keys, Sequence) else list(keys)
        found = list(map(self.young.get, keys))
        if None in found:
            found = [entry or self._renewed(key) for key, entry in zip(keys, found, strict=True)]
        return [entry and entry[0] for entry in found]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keep `value`, which takes about `size` bytes; one larger than half of all is not kept."""
        self._cache._keep(self, key, (value, size))

    def drop(self, key: Hashable) -> None:
        """Forget the value under `key`, where there is one."""
        with self._cache._lock:
            self._cache._forget(self, key)

    def _renewed(self, key: Hashable) -> Sized | None:
        entry = self.old.get(key)
        if entry is not None:
            self._cache._keep(self, key, entry)
        return entry
