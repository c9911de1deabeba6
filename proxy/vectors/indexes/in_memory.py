"""An index that lives and dies with the process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence

from foveate.proxy.vectors.indexes import Entry


class InMemory:
    """Entries in a dictionary, the least recently stored going first beyond `max_entries`."""

    def __init__(self, max_entries: int = 100_000) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[tuple[str, str], Entry] = OrderedDict()

    def open(self) -> None:
        """Do nothing."""

    def ids(self) -> Iterable[tuple[str, str]]:
        """Return tenant and id of all that is stored."""
        return list(self._entries)

    def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Store entries."""
        for entry in entries:
            self._entries[tenant, entry.id] = entry
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the entries of the ids that are stored."""
        return {i: entry for i in ids if (entry := self._entries.get((tenant, i)))}

    def trim(self, max_entries: int, oldest: int) -> Sequence[tuple[str, str]]:
        """Delete what is too old, and what was stored first beyond `max_entries`."""
        old = [key for key, entry in self._entries.items() if entry.first_seen < oldest]
        beyond = len(self._entries) - len(old) - max_entries
        gone = old + [key for key in self._entries if key not in set(old)][: max(0, beyond)]
        for key in gone:
            del self._entries[key]
        return gone

    def close(self) -> None:
        """Do nothing."""
