"""An index that lives and dies with the process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from foveate.proxy.vectors.indexes import Entry, EntryKey


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
