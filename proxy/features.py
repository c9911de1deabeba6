"""Gathers features and vectors of segments: from memory, else from the index, else worked out and stored."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

import numpy as np

from policies.features import extract
from policies.types import Features, Segment, Vectors
from proxy.cache import Cache
from proxy.embedders import Embedder
from proxy.indexes import Entry, VectorIndex
from proxy.trace import Trace

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("foveate.features")


class FeatureStore:
    """Each text is worked on once: its features live in memory, its vector in memory and in the index."""

    def __init__(self, embedder: Embedder, index: VectorIndex, cache: Cache) -> None:
        self._embedder = embedder
        self._index = index
        self._cache = cache
        self._embedding = ThreadPoolExecutor(1, "embed")
        self._indexing = ThreadPoolExecutor(1, "index")
        self._storing: set[asyncio.Future[None]] = set()
        self.failed_writes = 0

    def start(self) -> None:
        """Begin to load the model and to open the index, in threads; whoever needs them waits."""
        loop = asyncio.get_running_loop()
        self._loaded = loop.run_in_executor(self._embedding, self._embedder.load)
        self._opened = loop.run_in_executor(self._indexing, self._index.open)
        for future, what in ((self._loaded, "embedder"), (self._opened, "index")):
            future.add_done_callback(partial(report_failure, what))

    async def aclose(self) -> None:
        """Finish writing, then close the index and the threads."""
        await asyncio.gather(*self._storing, return_exceptions=True)
        await asyncio.gather(self._loaded, self._opened, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(self._indexing, self._index.close)
        self._embedding.shutdown()
        self._indexing.shutdown()

    def features(self, segments: Sequence[Segment]) -> list[Features]:
        """Return the features of each segment; CPU only."""
        return [self._features(s) for s in segments]

    def _features(self, segment: Segment) -> Features:
        key = ("features", segment.id)
        features: Features | None = self._cache.get(key)
        if features is None:
            features = extract(segment.text)
            self._cache.put(key, features, size=500 + 150 * (len(features.terms) + len(features.identifiers)))
        return features

    async def vectors(
        self, tenant: str, segments: Sequence[Segment], query: str, trace: Trace
    ) -> tuple[Vectors, Vectors]:
        """Return one row a segment, shape (n, dimensions), and the query's vector, shape (dimensions,).

        A segment with no text to speak of has a row of zeros.
        """
        known: dict[str, Vectors | None] = {s.id: self._cache.get(("vector", s.id)) for s in segments if s.text.strip()}
        missing = [i for i, vector in known.items() if vector is None]
        with trace.timed("index"):
            if missing:
                await self._opened
                found = await self._in(self._indexing, self._index.vectors, tenant, missing)
                for i, stored in found.items():
                    self._keep(i, stored)
                known.update(found)
        fresh = list({s.id: s for s in segments if s.id in known and known[s.id] is None}.values())
        with trace.timed("embed"):
            await self._loaded
            rows = await self._in(self._embedding, self._embedder.embed, [s.text for s in fresh] + [query])
        for segment, row in zip(fresh, rows, strict=False):
            known[segment.id] = row
            self._keep(segment.id, row)
        if fresh:
            self._store(tenant, fresh, rows)
        none = np.zeros(rows.shape[1], dtype=np.float32)
        stacked = [none if (vector := known.get(s.id)) is None else vector for s in segments]
        return np.stack(stacked) if stacked else np.zeros((0, rows.shape[1]), dtype=np.float32), rows[-1]

    def _keep(self, segment_id: str, vector: Vectors) -> None:
        self._cache.put(("vector", segment_id), vector, size=300 + vector.nbytes)

    def _store(self, tenant: str, segments: Sequence[Segment], vectors: Vectors) -> None:
        """Write to the index behind the caller's back: the answer does not wait for it."""
        now = int(time.time())
        entries = [Entry(s.id, v, s.kind, s.role, s.tokens, now) for s, v in zip(segments, vectors, strict=False)]
        task = asyncio.ensure_future(self._in(self._indexing, self._index.upsert, tenant, entries))
        self._storing.add(task)
        task.add_done_callback(self._stored)

    def _stored(self, task: asyncio.Future[None]) -> None:
        self._storing.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.failed_writes += 1
            if self.failed_writes == 1:
                _log.error("the index cannot be written: %s; its vectors live until a restart only", error)

    @staticmethod
    async def _in(executor: ThreadPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, partial(function, *args, **kwargs))


def report_failure(what: str, done: asyncio.Future[None]) -> None:
    """Log why the embedder or the index did not come up."""
    if not done.cancelled() and (error := done.exception()):
        _log.error("the %s cannot be used, so nothing will be pruned: %s", what, error)
