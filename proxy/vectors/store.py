"""Entries of segments by tenant: in memory, behind it the index."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

from foveate.policies.types import Segment
from foveate.proxy.cache import Cache
from foveate.proxy.vectors.buffered import BufferedIndex
from foveate.proxy.vectors.faults import Faults, in_time
from foveate.proxy.vectors.indexes import Entry, Only, Vector

READ_AT_ONCE = 200  # entries: some milliseconds of an index, in which a request may have to wait
SIZE = 2200  # bytes that an entry takes, about
MOST_WARMED = 0.25  # share of the cache that one history may take
AT_A_TIME = 4  # histories that are brought to memory
Known = dict[str, Entry | None]  # by segment id; None where there is none


class VectorStore:
    """Answers from memory at once, and from the index until a time; an index that fails holds nothing.

    Vectors of embedders of different names never meet.
    """

    def __init__(self, embedder: str, index: BufferedIndex, cache: Cache, faults: Faults) -> None:
        self._memory = cache.space("entry", embedder)
        self._index = index
        self._faults = faults
        self._bytes = cache.max_bytes
        self._warming: set[asyncio.Task[None]] = set()

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

    async def search(
        self, tenant: str, vector: Vector, most: int, only: Only, end: float
    ) -> Mapping[str, float] | None:
        """Return the cosine of the most similar entries of the index, by id; None where it has not
        answered by `end`.
        """
        searching = asyncio.ensure_future(self._index.search(tenant, vector, most, only))
        self._faults.watch("index", searching)
        if await in_time(searching, end):
            return searching.result()
        return {} if searching.done() else None

    def warm(self, tenant: str, segments: Sequence[Segment]) -> None:
        """Bring entries from the index to memory in the background, where they take little of it."""
        if len(segments) * SIZE < MOST_WARMED * self._bytes and len(self._warming) < AT_A_TIME:
            task = asyncio.create_task(self._warm(tenant, segments))
            self._warming.add(task)
            task.add_done_callback(self._warming.discard)

    async def _warm(self, tenant: str, segments: Sequence[Segment]) -> None:
        for start in range(0, len(segments), READ_AT_ONCE):
            some = segments[start : start + READ_AT_ONCE]
            await self.fetch(
                tenant, [s for s in some if s.id not in self.at_hand(tenant, some)], math.inf
            )

    async def aclose(self) -> None:
        """Stop what goes on in the background."""
        for task in self._warming:
            task.cancel()
        await asyncio.gather(*self._warming, return_exceptions=True)

    def put(self, tenant: str, entries: Iterable[Entry]) -> None:
        """Keep entries in memory now and in the index soon."""
        entries = list(entries)
        self._remember(tenant, entries)
        self._index.put(tenant, entries)

    async def forget(self, tenant: str, ids: Sequence[str]) -> None:
        """Delete entries from memory and from the index."""
        for i in ids:
            self._memory.drop((tenant, i))
        await self._index.forget(tenant, ids)

    def recalled(self, tenant: str, segments: Sequence[Segment]) -> None:
        """Count one more recall of each of the segments that memory holds."""
        known = self.at_hand(tenant, segments).values()
        self.put(tenant, [dataclasses.replace(entry, recalls=entry.recalls + 1) for entry in known])

    def _remember(self, tenant: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._memory.put((tenant, entry.id), entry, size=600 + entry.vector.nbytes)
