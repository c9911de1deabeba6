"""The vector index behind a thread of its own: written in the background, read between small batches, kept bounded."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from proxy.indexes import Entry, VectorIndex

T = TypeVar("T")
_log = logging.getLogger("foveate.features")
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
        self._writing: asyncio.Task[None] | None = None
        self._trimmed_at = time.monotonic()
        self._written = 0
        self.failed_writes = 0

    def open(self) -> asyncio.Future[None]:
        """Begin to open the index; the result is there once it is open."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._index.open)

    async def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the entries of the ids that are stored or about to be."""
        waiting = {i: entry for i in ids if (entry := self._pending.get((tenant, i)))}
        missing = [i for i in ids if i not in waiting]
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
        """Finish what is being written, then close the index and the thread."""
        if self._writing is not None:
            await self._writing
        await asyncio.get_running_loop().run_in_executor(self._thread, self._index.close)
        self._thread.shutdown()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            tenant = next(iter(self._pending))[0]
            own = ((key, entry) for key, entry in self._pending.items() if key[0] == tenant)
            batch = dict(islice(own, WRITTEN_AT_ONCE))
            self._written += len(batch)
            await self._done(loop.run_in_executor(self._thread, self._index.upsert, tenant, list(batch.values())))
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
        while await self._done(loop.run_in_executor(self._thread, self._index.trim, self._max_entries, oldest)):
            pass

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
