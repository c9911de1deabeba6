"""Histories with their vectors: from memory, else the index, else embedded while there is time."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Mapping, Sequence

import numpy as np

from foveate.policies.features import extract
from foveate.policies.signals.keyword import Keyword
from foveate.policies.types import INSTRUCTIONS, Features, History, Segment
from foveate.proxy.cache import Cache
from foveate.proxy.trace import Trace
from foveate.proxy.vectors import Bounds
from foveate.proxy.vectors.buffered import BufferedIndex
from foveate.proxy.vectors.embedders import Embedder
from foveate.proxy.vectors.faults import Faults, has_result
from foveate.proxy.vectors.features import FeatureStore
from foveate.proxy.vectors.indexes import Vector, VectorIndex
from foveate.proxy.vectors.queue import EmbeddingQueue
from foveate.proxy.vectors.store import Known, VectorStore
from foveate.proxy.worker import FEW_SEGMENTS, LITTLE_NEW, Worker


class Histories:
    """Answers with what there is: what is late or broken costs its vectors and no more."""

    def __init__(
        self,
        embedder: Embedder,
        index: VectorIndex,
        cache: Cache,
        worker: Worker,
        bounds: Bounds | None = None,
    ) -> None:
        bounds = bounds or Bounds()
        self.worker = worker
        self._embedder = embedder
        self._deadline = bounds.deadline
        self._faults = Faults()
        self._index = BufferedIndex(index, bounds, self._faults)
        self._store = VectorStore(embedder.name, self._index, cache, self._faults)
        self._queue = EmbeddingQueue(embedder, self._store, self._faults)
        self._features = FeatureStore(cache)
        self._queries = cache.space("query", embedder.name)  # by tenant and text
        self.deadlines_met = 0  # histories that went on without all vectors, for whatever reason

    def start(self) -> None:
        """Begin to load the model and to open the index, in threads; called inside the event loop."""
        self._opening = {"embedder": self._queue.load(), "index": self._index.open()}

    async def opened(self) -> None:
        """Return once the model is loaded and the index open, or have failed to; `problems` tells."""
        await asyncio.wait(self._opening.values())

    async def aclose(self) -> None:
        """Finish what is being embedded and written, then close the index and the threads."""
        await self.opened()
        await self._queue.aclose()
        await self._index.aclose()

    @property
    def queued(self) -> int:
        """How many segments wait for their vectors."""
        return self._queue.queued

    @property
    def unwritten(self) -> int:
        """How many vectors wait to be written to the index."""
        return self._index.unwritten

    @property
    def failures(self) -> Mapping[str, int]:
        """How often the `embedder`, reading the `index` and `writing` to it have failed."""
        return self._faults.counts

    def problems(self) -> list[str]:
        """Return why vectors cannot be had or kept now, nothing where they can."""
        found = []
        for what, opening in self._opening.items():
            if not opening.done():
                found.append(f"the {what} is being opened")
            elif not has_result(opening):
                found.append(f"the {what} cannot be used: {opening.exception()}")
        lost = self.failures["writing"]
        if lost:
            found.append(f"{lost} batches of vectors could not be stored since the start")
        return found

    async def history(
        self, tenant: str, segments: Sequence[Segment], query: str, trace: Trace
    ) -> History:
        """Return the history of those segments and the latest user turn; 0 where nothing is known.

        What has no vector yet is embedded until the deadline, which begins now: the latest turn first,
        then the likeliest by its words. The rest comes in the background.
        """
        end = time.monotonic() + self._deadline
        known = self._store.remembered(tenant, segments)
        fresh = wanting(segments, known)
        turn = latest(segments, query) if self._embedder.symmetric else None
        asking = None if turn else asyncio.ensure_future(self._query(tenant, query, end))
        with trace.timed("features"):
            self._begin(tenant, turn, fresh)
            many = len(fresh) > 1 or len(segments) > FEW_SEGMENTS
            much = many or self._features.unread(tenant, segments) > LITTLE_NEW
            bare, fresh = await self.worker.run(much, self._read, tenant, segments, query, turn, fresh)
        with trace.timed("index"):
            stored = await self._store.fetch(tenant, fresh, end)
            known.update(stored or {})
        with trace.timed("embed"):
            late = [s for s in fresh if known[s.id] is None]
            if late and stored is not None:
                known.update(await self._queue.at_once(tenant, late, end))
                late = [s for s in late if known[s.id] is None]
            if late:
                self._queue.later(tenant, late)
                self.deadlines_met += 1
                trace.late = len(late)
            vector = await asking if asking else vector_of(turn, known)
            return await self.worker.run(much, filled, bare, known, vector)

    def prepare(self, tenant: str, segments: Sequence[Segment]) -> None:
        """See to it in the background that `segments` have vectors by the time a cut asks for them."""
        self._queue.later(tenant, wanting(segments, self._store.remembered(tenant, segments)))

    def recalled(self, tenant: str, segments: Sequence[Segment]) -> None:
        """Count one more recall of each of `segments`."""
        self._store.recalled(tenant, segments)

    def _begin(self, tenant: str, turn: Segment | None, fresh: Sequence[Segment]) -> None:
        """Have embedded, while the history is read, the latest turn and then the newest."""
        for segment in fresh:
            if turn and segment.id == turn.id and self._store.lacks(tenant, segment.id):
                self._queue.begin(tenant, segment)
        if len(fresh) > 1:
            self._queue.later(tenant, [s for s in reversed(fresh) if turn is None or s.id != turn.id])

    def _read(
        self,
        tenant: str,
        segments: Sequence[Segment],
        query: str,
        turn: Segment | None,
        fresh: list[Segment],
    ) -> tuple[History, list[Segment]]:
        """Return the history without vectors, and what has none yet, the likeliest first."""
        bare = without_vectors(segments, self._features.features(tenant, segments), query)
        if len(fresh) < 2:
            return bare, fresh
        scores = Keyword().score(bare)
        likely = {s.id: (score, i) for i, (s, score) in enumerate(zip(segments, scores, strict=True))}
        if turn:
            likely[turn.id] = (np.inf, 0)
        return bare, sorted(fresh, key=lambda s: likely[s.id], reverse=True)

    async def _query(self, tenant: str, text: str, end: float) -> Vector | None:
        """Return the vector of a turn that no segment's stands for; None where it is late."""
        key = (tenant, text)
        vector: Vector | None = self._queries.get(key)
        if vector is None and text.strip():
            vector = await self._queue.query(text, end)
            if vector is not None:
                self._queries.put(key, vector, size=500 + vector.nbytes + 2 * len(text))
        return vector


def wanting(segments: Sequence[Segment], known: Known) -> list[Segment]:
    """Return the segments, instructions aside, that have a text and no entry, each content once."""
    unknown = [s for s in segments if known[s.id] is None and s.role not in INSTRUCTIONS]
    return list({s.id: s for s in unknown if s.text.strip()}.values())


def latest(segments: Sequence[Segment], query: str) -> Segment | None:
    """Return the segment that is the latest turn; None where that is split or not there."""
    return next((s for s in reversed(segments) if s.text == query and s.role not in INSTRUCTIONS), None)


def vector_of(segment: Segment | None, known: Known) -> Vector | None:
    """Return a segment's vector where it is known."""
    entry = known[segment.id] if segment else None
    return entry.vector if entry else None


def without_vectors(segments: Sequence[Segment], features: Sequence[Features], query: str) -> History:
    """Return the history of segments of which no index knows anything."""
    nothing, none = np.zeros(0, dtype=np.float32), np.zeros(len(segments))
    vectors = nothing.reshape(len(segments), 0)
    return History(
        segments, features, vectors, query, extract(query), nothing, age_hours=none, recalls=none
    )


def filled(bare: History, known: Known, query: Vector | None) -> History:
    """Return the history with vectors, ages and recall counts; 0 where nothing is known."""
    now = time.time()
    entries = [known[s.id] for s in bare.segments]
    vectors = [query, *(entry.vector for entry in entries if entry)]
    found = next((v for v in vectors if v is not None), None)
    if found is None:
        return bare
    nothing = np.zeros_like(found)
    rows = np.concatenate([entry.vector if entry else nothing for entry in entries])
    return dataclasses.replace(
        bare,
        vectors=rows.reshape(len(entries), nothing.size),
        query_vector=nothing if query is None else query,
        age_hours=np.array(
            [max(0.0, now - entry.first_seen) / 3600 if entry else 0.0 for entry in entries]
        ),
        recalls=np.array([entry.recalls if entry else 0 for entry in entries], dtype=float),
    )
