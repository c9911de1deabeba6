"""What an index is known to hold, so that it is not asked for what it has not."""

from __future__ import annotations

from collections.abc import Iterable

from foveate.proxy.vectors.indexes import EntryKey


class Stock:
    """Keys by hash: two with one hash cost a question in vain. Where only the index can tell, as one that
    others store in too, it may hold anything.
    """

    def __init__(self, keys: Iterable[EntryKey] | None = None) -> None:
        self._hashes = None if keys is None else set(map(hash, keys))

    def lacks(self, tenant: str, segment: str) -> bool:
        """Say whether a segment is known not to be there."""
        return self._hashes is not None and hash((tenant, segment)) not in self._hashes

    def among(self, tenant: str, ids: Iterable[str]) -> list[str]:
        """Return the ids of the segments that may be there."""
        hashes = self._hashes
        return [i for i in ids if hashes is None or hash((tenant, i)) in hashes]

    def add(self, keys: Iterable[EntryKey]) -> None:
        """Take note that these are there now."""
        if self._hashes is not None:
            self._hashes.update(map(hash, keys))

    def remove(self, keys: Iterable[EntryKey]) -> None:
        """Take note that these are gone."""
        if self._hashes is not None:
            self._hashes.difference_update(map(hash, keys))
