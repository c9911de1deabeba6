"""An index that lives and dies with the process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import nlargest
from operator import itemgetter

from foveate.proxy.vectors.indexes import ANY, Entry, EntryKey, Only, Vector


class InMemory:
    """Entries in a dictionary; of what others are built with it needs nothing."""

    def __init__(self, **unneeded: object) -> None:
        self._entries: dict[EntryKey, Entry] = {}

    def open(self) -> None:
        """Do nothing."""

    def ids(self) -> Iterable[EntryKey] | None:
        """Return the keys of all that is stored."""
        return list(self._entries)

    def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Store entries."""
        self._entries.update({(tenant, entry.id): entry for entry in entries})

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the entries of the ids that are stored."""
        return {i: self._entries[tenant, i] for i in ids if (tenant, i) in self._entries}

    def search(self, tenant: str, vector: Vector, most: int, only: Only = ANY) -> Mapping[str, float]:
        """Return the cosine of the most similar entries, each compared."""
        some = self._entries.items() if only.ids is None else self._of(tenant, only.ids)
        found = {
            key: float(entry.vector @ vector)
            for (owner, key), entry in some
            if owner == tenant and only.allows(entry)
        }
        return dict(nlargest(most, found.items(), key=itemgetter(1)))

    def _of(self, tenant: str, ids: Collection[str]) -> Iterable[tuple[EntryKey, Entry]]:
        keys = [(tenant, i) for i in ids]
        return [(key, self._entries[key]) for key in keys if key in self._entries]

    def delete(self, keys: Sequence[EntryKey]) -> None:
        """Forget entries."""
        for key in keys:
            self._entries.pop(key, None)

    def expired(self, max_entries: int, oldest: int) -> Sequence[EntryKey]:
        """Return the keys of all that is too old, where nothing is those that were stored first beyond
        the bound.
        """
        old = [key for key, entry in self._entries.items() if entry.first_seen < oldest]
        return old or list(self._entries)[: max(0, len(self._entries) - max_entries)]

    def close(self) -> None:
        """Do nothing."""
