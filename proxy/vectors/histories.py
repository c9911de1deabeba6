"""Histories with their vectors: from memory, else the index, else embedded while there is time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from foveate.policies.flow.topics import Topics
from foveate.policies.signals.keyword import Keyword
from foveate.policies.types import History, Segment
from foveate.proxy.cache import Cache
from foveate.proxy.trace import Trace
from foveate.proxy.vectors import Bounds, Owner
from foveate.proxy.vectors.buffered import BufferedIndex
from foveate.proxy.vectors.embedders import Embedder
from foveate.proxy.vectors.faults import Faults, has_result
from foveate.proxy.vectors.features import FeatureStore
from foveate.proxy.vectors.indexes import ANY, Only, Vector, VectorIndex
from foveate.proxy.vectors.known import (
    filled,
    is_undescribed,
    latest,
    read_of,
    vector_of,
    wanting,
    without_vectors,
)
from foveate.proxy.vectors.queue import EmbeddingQueue
from foveate.proxy.vectors.store import Known, VectorStore
from foveate.proxy.worker import FEW_SEGMENTS, LITTLE_NEW, Worker

COLD = 100  # segments that are not in memory, from where on one search costs less than reading them


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
        self._varied = float(getattr(embedder, "varied", 0.0))
        self._deadline = bounds.deadline
        self._faults = Faults()
        self._index = BufferedIndex(index, bounds, self._faults)
        self._store = VectorStore(embedder.name, self._index, cache, self._faults)
        threads = bounds.threads if getattr(embedder, "concurrent", False) else 1
        self._queue = EmbeddingQueue(embedder, self._store, self._faults, threads)
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
        await self._store.aclose()
        await self._index.aclose()

    @property
    def queued(self) -> int:
        """How many segments wait for their vectors."""
        return self._queue.queued

    @property
    def tokens(self) -> int:
        """How many tokens a server has embedded."""
        return int(getattr(self._embedder, "tokens", 0))

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
        if self._index.loses:
            lost = self.failures["writing"]
            found.append(f"{lost} batches of vectors could not be stored since the start")
        return found

    async def history(
        self,
        owner: Owner,
        segments: Sequence[Segment],
        query: str,
        trace: Trace,
        whole: bool = True,
    ) -> History:
        """Return the history of those segments and the latest user turn; 0 where nothing is known.

        What has no vector yet is embedded until the deadline, which begins now: the latest turn first,
        then the likeliest by its words. The rest comes in the background. Where the index alone has
        many of the vectors, and they are not asked for as a `whole`, one search tells how like the turn
        they are.
        """
        end = time.monotonic() + self._deadline
        tenant = owner.tenant
        known = self._store.remembered(tenant, segments)
        fresh = wanting(segments, known)
        turn = latest(segments, query) if self._embedder.symmetric else None
        asking = None if turn else asyncio.ensure_future(self._query(tenant, query, end))
        searched = len(fresh) > COLD and not whole
        with trace.timed("features"):
            self._begin(tenant, turn, self._lacking(tenant, fresh) if searched else fresh)
            many = len(fresh) > 1 or len(segments) > FEW_SEGMENTS
            much = many or self._features.unread(tenant, segments) > LITTLE_NEW
            bare, fresh = await self.worker.run(much, self._read, tenant, segments, query, turn, fresh)
        with trace.timed("index"):
            like: Mapping[str, float] = {}
            if searched:
                asked = await asking if asking else await self._turn(tenant, turn, known, end)
                like = await self._likeness(tenant, asked, fresh, end)
            stored = await self._store.fetch(tenant, read_of(fresh, like, segments), end)
            known.update(stored or {})
        with trace.timed("embed"):
            late = [s for s in fresh if known[s.id] is None and s.id not in like]
            if late and stored is not None:
                known.update(await self._queue.at_once(tenant, late, end))
                late = [s for s in late if known[s.id] is None]
            if late:
                self._queue.later(tenant, late)
                self.deadlines_met += 1
                trace.late = len(late)
            vector = await asking if asking else vector_of(turn, known)
            history = await self.worker.run(much, filled, bare, known, vector, like)
        await self._describe(owner, history, known)
        return history

    async def _describe(self, owner: Owner, history: History, known: Known) -> None:
        """Write once of each entry in which conversation and topic it was first seen."""
        bare = [i for i, s in enumerate(history.segments) if is_undescribed(known[s.id])]
        if not bare or history.likeness is not None:
            return
        topics = await self.worker.run(len(known) > FEW_SEGMENTS, Topics().labels, history)
        ids = {history.segments[i].id: int(topics[i]) for i in bare}
        entries = [(known[i], topic) for i, topic in ids.items()]
        self._store.put(
            owner.tenant,
            [replace(e, conversation=owner.conversation, topic=topic) for e, topic in entries if e],
        )

    async def _turn(self, tenant: str, turn: Segment | None, known: Known, end: float) -> Vector | None:
        """Return the vector of the latest turn, wherever it is; None where it is late."""
        if turn and known[turn.id] is None and not self._store.lacks(tenant, turn.id):
            known.update(await self._store.fetch(tenant, [turn], end) or {})
        if turn and known[turn.id] is None:
            known.update(await self._queue.at_once(tenant, [turn], end))
        return vector_of(turn, known)

    async def _likeness(
        self, tenant: str, asked: Vector | None, fresh: Sequence[Segment], end: float
    ) -> Mapping[str, float]:
        """Return how like the latest turn each segment is that the index holds, by id; nothing where
        that is late. Their vectors follow in the background.
        """
        if asked is None:
            return {}
        ids = [s.id for s in fresh]
        like = await self._store.search(tenant, asked, len(ids), Only(ids=ids), end) or {}
        if like:
            self._store.warm(tenant, [s for s in fresh if s.id in like])
        return like

    async def similar(self, tenant: str, text: str, most: int) -> Mapping[str, float]:
        """Return how like a text the most similar segments of a tenant are, by id; nothing where that
        is late.
        """
        end = time.monotonic() + self._deadline
        asked = await self._query(tenant, text, end)
        if asked is None:
            return {}
        return await self._store.search(tenant, asked, most, ANY, end) or {}

    async def forget(self, tenant: str, ids: Sequence[str]) -> None:
        """Delete the vectors of segments."""
        await self._store.forget(tenant, ids)

    def prepare(self, tenant: str, segments: Sequence[Segment]) -> None:
        """See to it in the background that `segments` have vectors by the time a cut asks for them."""
        self._queue.later(tenant, wanting(segments, self._store.remembered(tenant, segments)))

    def recalled(self, tenant: str, segments: Sequence[Segment]) -> None:
        """Count one more recall of each of `segments`."""
        self._store.recalled(tenant, segments)

    def _lacking(self, tenant: str, segments: Sequence[Segment]) -> Sequence[Segment]:
        """Return the segments that the index is known not to hold."""
        return [s for s in segments if self._store.lacks(tenant, s.id)]

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
        features = self._features.features(tenant, segments)
        bare = replace(without_vectors(segments, features, query), varied=self._varied)
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
