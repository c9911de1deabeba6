"""An index behind a thread of its own: written in the background, read in between, kept bounded."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from heapq import nlargest
from itertools import islice
from operator import itemgetter
from typing import Any, ParamSpec, TypeVar

from foveate.proxy.errors import VectorIndexError
from foveate.proxy.vectors import Bounds
from foveate.proxy.vectors.faults import Faults, has_result
from foveate.proxy.vectors.indexes import ANY, Entry, EntryKey, Only, Vector, VectorIndex
from foveate.proxy.vectors.stock import Stock

P = ParamSpec("P")
T = TypeVar("T")
WRITE_AFTER = 1.0  # seconds that the first entry waits for others to be written with it
WRITTEN_AT_ONCE = 40  # entries: a tenth of a second in embedded Chroma, that a read may have to wait
TRIM_EVERY = 3600.0  # seconds, and after as many writes as TRIM_AFTER
TRIM_AFTER = 2000
DAY = 86400.0
FRESH = 60.0  # seconds for which a failed write is told


class BufferedIndex:
    """Reads and writes an index; what cannot be stored lives until a restart only."""

    def __init__(self, index: VectorIndex, bounds: Bounds, faults: Faults) -> None:
        self._index = index
        self._bounds = bounds
        self._faults = faults
        self._thread = ThreadPoolExecutor(1, "index")
        self._pending: dict[EntryKey, Entry] = {}
        self._stock = Stock()
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._trimmed_at = time.monotonic()
        self._written = 0
        self._failed_at = -math.inf

    def open(self) -> asyncio.Future[None]:
        """Begin to open the index; the result is there once it is open."""
        self._opened = self._begin(self._open)
        self._faults.watch("index", self._opened)
        return self._opened

    def _open(self) -> None:
        self._index.open()
        self._stock = Stock(self._index.ids())

    def _begin(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: function(*args, **kwargs)
        )

    @property
    def unwritten(self) -> int:
        """How many entries wait to be written."""
        return len(self._pending)

    def lacks(self, tenant: str, segment: str) -> bool:
        """Say whether the open index is known not to hold a segment."""
        return self._stock.lacks(tenant, segment) and (tenant, segment) not in self._pending

    def waiting(self, tenant: str, ids: Iterable[str]) -> dict[str, Entry]:
        """Return the entries of the ids that are about to be stored."""
        return {i: self._pending[tenant, i] for i in ids if (tenant, i) in self._pending}

    async def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the entries that are stored or about to be; raises what the index fails with."""
        await asyncio.wait([self._opened])
        self._opened.result()
        waiting = self.waiting(tenant, ids)
        missing = self._stock.among(tenant, [i for i in ids if i not in waiting])
        if not missing:
            return waiting
        return {**waiting, **await self._begin(self._index.get, tenant, missing)}

    async def search(
        self, tenant: str, vector: Vector, most: int, only: Only = ANY
    ) -> Mapping[str, float]:
        """Return the cosine of the most similar entries, stored or about to be, the most similar first;
        raises what the index fails with.
        """
        await asyncio.wait([self._opened])
        self._opened.result()
        found = {
            entry.id: float(entry.vector @ vector)
            for (owner, _), entry in self._pending.items()
            if owner == tenant and only.allows(entry)
        }
        if only.ids is not None:
            only = replace(only, ids=self._stock.among(tenant, only.ids))
        if only.ids is None or only.ids:
            found |= await self._begin(self._index.search, tenant, vector, most, only)
        return dict(nlargest(most, found.items(), key=itemgetter(1)))

    def put(self, tenant: str, entries: Iterable[Entry]) -> None:
        """Store entries behind the caller's back: no answer waits for it."""
        self._pending.update({(tenant, entry.id): entry for entry in entries})
        if self._pending and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write())

    async def forget(self, tenant: str, ids: Sequence[str]) -> None:
        """Delete entries, those that wait to be written included."""
        keys = [(tenant, i) for i in ids]
        for key in keys:
            self._pending.pop(key, None)
        if await self._attempted(self._index.delete, keys):
            self._stock.remove(keys)

    async def aclose(self) -> None:
        """Write what waits, then close the index and the thread."""
        self._closing.set()
        if self._writing is not None:
            await self._writing
        await self._attempted(self._index.close)
        self._thread.shutdown()

    async def _write(self) -> None:
        await asyncio.wait([self._opened])
        if not has_result(self._opened):
            self._pending.clear()
        while self._pending:
            if len(self._pending) < WRITTEN_AT_ONCE:
                with suppress(TimeoutError):  # a write costs the less the more it takes along
                    await asyncio.wait_for(self._closing.wait(), WRITE_AFTER)
            await self._write_batch()
        await self._trim()

    async def _write_batch(self) -> None:
        """Write some entries of one tenant; they wait no longer where that fails."""
        tenant, _ = next(iter(self._pending))
        own = ((key, entry) for key, entry in self._pending.items() if key[0] == tenant)
        batch = dict(islice(own, WRITTEN_AT_ONCE))
        self._written += len(batch)
        if await self._stores(tenant, list(batch.values())):
            self._stock.add(batch)
        for key, entry in batch.items():
            if self._pending.get(key) is entry:
                del self._pending[key]

    async def _stores(self, tenant: str, entries: list[Entry]) -> bool:
        """Say whether entries could be stored; once more where the index had to be begun anew."""
        first = self._begin(self._index.upsert, tenant, entries)
        await asyncio.wait([first])
        if not isinstance(first.exception(), VectorIndexError):
            self._faults.watch("writing", first)
            self._note(first)
            return has_result(first)
        return await self._attempted(self._index.upsert, tenant, entries)

    def _note(self, work: asyncio.Future[Any]) -> None:
        self._failed_at = -math.inf if has_result(work) else time.monotonic()

    @property
    def loses(self) -> bool:
        """Whether what came lately could not be stored."""
        return time.monotonic() - self._failed_at < FRESH

    async def _trim(self) -> None:
        """Delete what is too old or too much, a few entries at a time, so that reads come between."""
        if self._written < TRIM_AFTER and time.monotonic() - self._trimmed_at < TRIM_EVERY:
            return
        self._written, self._trimmed_at = 0, time.monotonic()
        oldest = int(time.time() - self._bounds.max_age_days * DAY)
        gone: list[EntryKey] = []
        while await self._attempted(self._forget, oldest, gone) and gone:
            self._stock.remove(gone)

    def _forget(self, oldest: int, gone: list[EntryKey]) -> None:
        """Delete a few entries, and say which in `gone`."""
        gone[:] = self._index.expired(self._bounds.max_entries, oldest)
        if gone:
            self._index.delete(gone)

    async def _attempted(
        self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> bool:
        """Say whether `function` could be called without a fault."""
        work = self._begin(function, *args, **kwargs)
        self._faults.watch("writing", work)
        await asyncio.wait([work])
        self._note(work)
        return has_result(work)
