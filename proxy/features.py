"""Gathers what the signals need of each segment: from memory, else from the index, else worked out and stored."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from policies.features import extract
from policies.types import Features, History, Segment
from proxy.cache import Cache
from proxy.embedders import Embedder
from proxy.indexes import Entry, VectorIndex
from proxy.trace import Trace

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("foveate.features")
# Texts are embedded about this many characters at a time, a tenth of a second on one core, so that a new request's
# query never waits for longer behind another's history.
BATCH_CHARACTERS = 2000


class FeatureStore:
    """Works on each text once: features live in memory, vectors in memory and in the index."""

    def __init__(self, embedder: Embedder, index: VectorIndex, cache: Cache, deadline: float) -> None:
        self._embedder = embedder
        self._index = index
        self._cache = cache
        self._deadline = deadline
        self._embedding = ThreadPoolExecutor(1, "embed")
        self._indexing = ThreadPoolExecutor(1, "index")
        self._background: set[asyncio.Future[None]] = set()
        self._queued: dict[str, tuple[str, Segment]] = {}  # by segment id: its tenant, and what is to be embedded
        self._waiting = 0  # requests that wait for vectors: background work stands back for them
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.failed_writes = 0
        self.deadlines_met = 0

    def start(self) -> None:
        """Begin to load the model and to open the index, in threads; whoever needs them waits."""
        loop = asyncio.get_running_loop()
        self._loaded = loop.run_in_executor(self._embedding, self._embedder.load)
        self._opened = loop.run_in_executor(self._indexing, self._index.open)
        for future, what in ((self._loaded, "embedder"), (self._opened, "index")):
            future.add_done_callback(partial(report_failure, what))

    async def aclose(self) -> None:
        """Finish what is being written, then close the index and the threads."""
        self._queued.clear()
        await asyncio.gather(*self._background, return_exceptions=True)
        await asyncio.gather(self._loaded, self._opened, return_exceptions=True)
        await in_thread(self._indexing, self._index.close)
        self._embedding.shutdown()
        self._indexing.shutdown()

    @property
    def queued(self) -> int:
        """How many segments wait for their vectors."""
        return len(self._queued)

    async def opened(self) -> None:
        """Return once the model is loaded and the index open, or have failed to; `problems` tells."""
        await asyncio.wait([self._loaded, self._opened])

    def problems(self) -> list[str]:
        """Return why vectors cannot be had now, nothing where they can."""
        found = []
        for future, what in ((self._loaded, "embedder"), (self._opened, "index")):
            if not future.done():
                found.append(f"the {what} is being opened")
            elif error := future.exception():
                found.append(f"the {what} cannot be used: {error}")
        return found

    def features(self, segments: Sequence[Segment]) -> list[Features]:
        """Return the features of each segment; CPU only."""
        return [self._features(segment) for segment in segments]

    def _features(self, segment: Segment) -> Features:
        key = ("features", segment.id)
        features: Features | None = self._cache.get(key)
        if features is None:
            features = extract(segment.text, segment.name)
            self._cache.put(key, features, size=500 + 150 * (len(features.terms) + len(features.identifiers)))
        return features

    async def complete(self, tenant: str, history: History, order: Sequence[int], trace: Trace) -> History:
        """Return `history` with vectors, ages and recall counts.

        What is not known yet is embedded in the given order of positions until the deadline, and after it in the
        background; a segment that is still without a vector, or has no text, keeps a row of zeros.
        """
        segments = history.segments
        known: dict[str, Entry | None] = {s.id: self._cache.get(("entry", tenant, s.id)) for s in segments}
        with trace.timed("index"):
            if missing := [i for i, entry in known.items() if entry is None]:
                await self._opened
                found = await in_thread(self._indexing, self._index.get, tenant, missing)
                self._remember(tenant, found.values())
                known.update(found)
        with trace.timed("embed"), self._ahead():
            await self._loaded
            query = await self._query_vector(tenant, history.query_text)
            fresh = list({segments[i].id: segments[i] for i in order if known[segments[i].id] is None}.values())
            fresh = [s for s in fresh if s.text.strip()]
            known.update(await self._embed_in_time(tenant, fresh))
        return self._completed(history, known, query)

    @contextmanager
    def _ahead(self) -> Iterator[None]:
        """Hold back background embedding while a request waits."""
        self._waiting += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._quiet.set()

    def _completed(self, history: History, known: Mapping[str, Entry | None], query: NDArray[np.float32]) -> History:
        now = time.time()
        entries = [known[s.id] for s in history.segments]
        vectors = np.zeros((len(entries), query.shape[0]), dtype=np.float32)
        ages, recalls = np.zeros(len(entries)), np.zeros(len(entries))
        for i, entry in enumerate(entries):
            if entry is not None:
                vectors[i] = entry.vector
                ages[i] = max(0.0, now - entry.first_seen) / 3600
                recalls[i] = entry.recalls
        return dataclasses.replace(history, vectors=vectors, query_vector=query, age_hours=ages, recalls=recalls)

    async def _query_vector(self, tenant: str, text: str) -> NDArray[np.float32]:
        key = ("query", tenant, text)
        vector: NDArray[np.float32] | None = self._cache.get(key)
        if vector is None:
            vector = (await in_thread(self._embedding, self._embedder.embed, [text]))[0]
            self._cache.put(key, vector, size=500 + vector.nbytes + 2 * len(text))
        return vector

    async def _embed_in_time(self, tenant: str, segments: Sequence[Segment]) -> dict[str, Entry]:
        start = time.monotonic()
        done: dict[str, Entry] = {}
        rest = list(segments)
        for batch in batches(segments):
            if time.monotonic() - start >= self._deadline:
                self.deadlines_met += 1
                break
            done.update(await self._embed(tenant, batch))
            del rest[: len(batch)]
        if done:
            self._write(tenant, list(done.values()))
        self._queue(tenant, rest)
        return done

    async def _embed(self, tenant: str, segments: Sequence[Segment]) -> dict[str, Entry]:
        rows = await in_thread(self._embedding, self._embedder.embed, [s.text for s in segments])
        now = int(time.time())
        entries = [Entry(s.id, row, s.kind, s.role, s.tokens, now) for s, row in zip(segments, rows, strict=True)]
        self._remember(tenant, entries)
        return {entry.id: entry for entry in entries}

    def _remember(self, tenant: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._cache.put(("entry", tenant, entry.id), entry, size=600 + entry.vector.nbytes)

    def recalled(self, tenant: str, segments: Sequence[Segment]) -> None:
        """Count one more recall of each of `segments`."""
        entries: list[Entry | None] = [self._cache.get(("entry", tenant, s.id)) for s in segments]
        counted = [dataclasses.replace(entry, recalls=entry.recalls + 1) for entry in entries if entry is not None]
        if counted:
            self._remember(tenant, counted)
            self._write(tenant, counted)

    def _queue(self, tenant: str, segments: Sequence[Segment]) -> None:
        idle = not self._queued
        self._queued.update({s.id: (tenant, s) for s in segments})
        if idle and self._queued:
            self._run(self._embed_queued())

    async def _embed_queued(self) -> None:
        while self._queued:
            await self._quiet.wait()
            if not self._queued:
                break
            tenant = next(iter(self._queued.values()))[0]
            waiting = [s for owner, s in self._queued.values() if owner == tenant]
            batch = next(batches(waiting))
            fresh = [s for s in batch if self._cache.get(("entry", tenant, s.id)) is None]
            if fresh:
                self._write(tenant, list((await self._embed(tenant, fresh)).values()))
            for segment in batch:
                self._queued.pop(segment.id, None)

    def _write(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Store in the index behind the caller's back: no answer waits for it."""
        self._run(in_thread(self._indexing, self._index.upsert, tenant, entries))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._ran)

    def _ran(self, task: asyncio.Future[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.failed_writes += 1
            if self.failed_writes == 1:
                _log.error("vectors cannot be stored: %s; they live until a restart only", error)


async def in_thread(executor: ThreadPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `function` returns, run in one of the executor's threads."""
    return await asyncio.get_running_loop().run_in_executor(executor, partial(function, *args, **kwargs))


def batches(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Yield runs of segments of up to BATCH_CHARACTERS, of what a model reads of them."""
    batch: list[Segment] = []
    size = 0
    for segment in segments:
        read = min(len(segment.text), BATCH_CHARACTERS // 2)
        if batch and size + read > BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
        batch.append(segment)
        size += read
    if batch:
        yield batch


def report_failure(what: str, done: asyncio.Future[None]) -> None:
    """Log why the embedder or the index did not come up."""
    if not done.cancelled() and (error := done.exception()):
        _log.error("the %s cannot be used, so nothing will be pruned: %s", what, error)
