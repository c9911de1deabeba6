"""The vector index behind a thread of its own: written in the background, read between small batches, kept bounded."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import TypeVar

from foveate.proxy.vectors.indexes import Entry, VectorIndex

T = TypeVar("T")
_log = logging.getLogger("foveate.features")
WRITE_AFTER = 1.0  # seconds that the first entry waits for others to be written with it
WRITTEN_AT_ONCE = 40  # entries: a tenth of a second in embedded Chroma, which is what a read may have to wait
TRIM_EVERY = 3600.0  # seconds, and after as many writes as TRIM_AFTER
TRIM_AFTER = 2000
DAY = 86400.0


class Shelf:
    """Reads and writes an index; what cannot be stored lives until a restart only."""

    def __init__(self, index: VectorIndex, max_entries: int, max_age_days: float) -> None:
        self._index = index
        self._max_entries = max_entries
        self._max_age = max_age_days * DAY
        self._thread = ThreadPoolExecutor(1, "index")
        self._pending: dict[tuple[str, str], Entry] = {}  # by tenant and segment id
        self._stored: set[int] | None = None  # hashes of what the index may hold; None where only it can tell
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._trimmed_at = time.monotonic()
        self._written = 0
        self.failed_writes = 0

    def open(self) -> asyncio.Future[None]:
        """Begin to open the index; the result is there once it is open."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    def _open(self) -> None:
        self._index.open()
        known = self._index.ids()
        self._stored = None if known is None else {hash(key) for key in known}

    @property
    def unwritten(self) -> int:
        """How many entries wait to be written."""
        return len(self._pending)

    def lacks(self, tenant: str, segment: str) -> bool:
        """Say whether the open index is known not to hold a segment."""
        key = (tenant, segment)
        return self._stored is not None and hash(key) not in self._stored and key not in self._pending

    async def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the entries of the ids that are stored or about to be."""
        waiting = {i: entry for i in ids if (entry := self._pending.get((tenant, i)))}
        stored = self._stored
        missing = [i for i in ids if i not in waiting and (stored is None or hash((tenant, i)) in stored)]
        if not missing:
            return waiting
        loop = asyncio.get_running_loop()
        return {**waiting, **await loop.run_in_executor(self._thread, self._index.get, tenant, missing)}

    def put(self, tenant: str, entries: Iterable[Entry]) -> None:
        """Store entries behind the caller's back: no answer waits for it."""
        self._pending.update({(tenant, entry.id): entry for entry in entries})
        if self._pending and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write())

    async def aclose(self) -> None:
        """Write what waits, then close the index and the thread."""
        self._closing.set()
        if self._writing is not None:
            await self._writing
        await asyncio.get_running_loop().run_in_executor(self._thread, self._index.close)
        self._thread.shutdown()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            if len(self._pending) < WRITTEN_AT_ONCE:
                with suppress(TimeoutError):  # a write costs the less the more it takes along
                    await asyncio.wait_for(self._closing.wait(), WRITE_AFTER)
            tenant = next(iter(self._pending))[0]
            own = ((key, entry) for key, entry in self._pending.items() if key[0] == tenant)
            batch = dict(islice(own, WRITTEN_AT_ONCE))
            self._written += len(batch)
            await self._done(loop.run_in_executor(self._thread, self._index.upsert, tenant, list(batch.values())))
            if self._stored is not None:
                self._stored.update(map(hash, batch))
            for key, entry in batch.items():
                if self._pending.get(key) is entry:
                    del self._pending[key]
        await self._trim()

    async def _trim(self) -> None:
        if self._written < TRIM_AFTER and time.monotonic() - self._trimmed_at < TRIM_EVERY:
            return
        self._written, self._trimmed_at = 0, time.monotonic()
        oldest = int(time.time() - self._max_age)
        loop = asyncio.get_running_loop()
        while gone := await self._done(loop.run_in_executor(self._thread, self._index.trim, self._max_entries, oldest)):
            if self._stored is not None:
                self._stored.difference_update(map(hash, gone))

    async def _done(self, work: asyncio.Future[T]) -> T | None:
        """Return what `work` returns; None where it fails, which is counted and told once."""
        await asyncio.wait([work])
        error = work.exception()
        if error is None:
            return work.result()
        self.failed_writes += 1
        if self.failed_writes == 1:
            _log.error("vectors cannot be stored: %s; they live until a restart only", error)
        return None
