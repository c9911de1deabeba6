"""Entries of segments by tenant: in memory, behind it the index."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from foveate.policies.types import Segment
from foveate.proxy.cache import Cache
from foveate.proxy.vectors.buffered import BufferedIndex
from foveate.proxy.vectors.faults import Faults, in_time
from foveate.proxy.vectors.indexes import Entry

Known = dict[str, Entry | None]  # by segment id; None where there is none


class VectorStore:
    """Answers from memory at once, and from the index until a time; an index that fails holds nothing.

    Vectors of embedders of different names never meet.
    """

    def __init__(self, embedder: str, index: BufferedIndex, cache: Cache, faults: Faults) -> None:
        self._memory = cache.space("entry", embedder)
        self._index = index
        self._faults = faults

    def remembered(self, tenant: str, segments: Sequence[Segment]) -> Known:
        """Return what memory holds of each segment, what waits to be written included."""
        ids = [s.id for s in segments]
        known: Known = dict(zip(ids, self._memory.get_all([(tenant, i) for i in ids]), strict=True))
        if self._index.unwritten:
            unknown = [i for i, entry in known.items() if entry is None]
            known.update(self._index.waiting(tenant, unknown))
        return known

    def at_hand(self, tenant: str, segments: Sequence[Segment]) -> dict[str, Entry]:
        """Return the entries that memory holds, by segment id."""
        return {i: entry for i, entry in self.remembered(tenant, segments).items() if entry is not None}

    def lacks(self, tenant: str, segment: str) -> bool:
        """Say whether the index is known to hold nothing of a segment, by its id."""
        return self._index.lacks(tenant, segment)

    async def fetch(
        self, tenant: str, segments: Sequence[Segment], end: float
    ) -> Mapping[str, Entry] | None:
        """Return what the index holds of those segments; None where it has not answered by `end`."""
        if not segments:
            return {}
        reading = asyncio.ensure_future(self._index.get(tenant, [s.id for s in segments]))
        self._faults.watch("index", reading)
        if await in_time(reading, end):
            self._remember(tenant, reading.result().values())
            return reading.result()
        return {} if reading.done() else None

    def put(self, tenant: str, entries: Iterable[Entry]) -> None:
        """Keep entries in memory now and in the index soon."""
        entries = list(entries)
        self._remember(tenant, entries)
        self._index.put(tenant, entries)

    def recalled(self, tenant: str, segments: Sequence[Segment]) -> None:
        """Count one more recall of each of the segments that memory holds."""
        known = self.at_hand(tenant, segments).values()
        self.put(tenant, [dataclasses.replace(entry, recalls=entry.recalls + 1) for entry in known])

    def _remember(self, tenant: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._memory.put((tenant, entry.id), entry, size=600 + entry.vector.nbytes)
