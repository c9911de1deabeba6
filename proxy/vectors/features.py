"""Gathers what the signals need of each segment: from memory, else from the index, else worked out and stored."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from foveate.policies.features import extract
from foveate.policies.types import INSTRUCTIONS, Features, History, Segment, Vectors
from foveate.proxy.cache import Cache
from foveate.proxy.errors import FoveateError
from foveate.proxy.trace import Trace
from foveate.proxy.vectors.embedders import Embedder
from foveate.proxy.vectors.embedding import Embedding
from foveate.proxy.vectors.indexes import Entry, VectorIndex
from foveate.proxy.vectors.shelf import Shelf

_log = logging.getLogger("foveate.features")
T = TypeVar("T")
Known = dict[str, Entry | None]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is known of a history's segments."""

    known: Mapping[str, Entry | None]  # by segment id; None without a vector
    query: NDArray[np.float32] | None  # the latest turn's vector


class FeatureStore:
    """Works on each text once: features live in memory, vectors in memory and in the index."""

    def __init__(
        self, embedder: Embedder, index: VectorIndex, cache: Cache, deadline: float, max_entries: int = 100_000,
        max_age_days: float = 90,
    ) -> None:  # fmt: skip
        self._features = cache.space("features")
        self._entries = cache.space("entry", embedder.name)  # by tenant and segment id
        self._queries = cache.space("query", embedder.name)  # by tenant and text
        self._deadline = deadline
        self._shelf = Shelf(index, max_entries, max_age_days)
        self._embedding = Embedding(embedder, self._embedded, self._at_hand, self._unknown)
        self.deadlines_met = 0

    def start(self) -> None:
        """Begin to load the model and to open the index, in threads; whoever needs them waits."""
        self._loaded = self._embedding.load()
        self._opened = self._shelf.open()
        for future, what in ((self._loaded, "embedder"), (self._opened, "index")):
            future.add_done_callback(partial(report_failure, what))

    async def aclose(self) -> None:
        """Finish what is being embedded and written, then close the index and the threads."""
        await asyncio.gather(self._loaded, self._opened, return_exceptions=True)
        await self._embedding.aclose()
        await self._shelf.aclose()

    @property
    def queued(self) -> int:
        """How many segments wait for their vectors."""
        return self._embedding.queued

    @property
    def failed_writes(self) -> int:
        """How many batches of vectors could not be stored."""
        return self._shelf.failed_writes

    @property
    def unwritten(self) -> int:
        """How many vectors wait to be written to the index."""
        return self._shelf.unwritten

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
        found: list[Features | None] = self._features.get_all([segment.id for segment in segments])
        return [features or self._extracted(segment) for features, segment in zip(found, segments, strict=True)]

    def _extracted(self, segment: Segment) -> Features:
        found = extract(segment.text, segment.name)
        size = 600 + 6 * found.terms.size + sum(70 + len(value) for value in (*found.identifiers, *found.quotes))
        self._features.put(segment.id, found, size)
        return found

    def unread(self, segments: Sequence[Segment]) -> int:
        """Return the characters of the segments whose features are not in memory."""
        found = self._features.get_all([segment.id for segment in segments])
        return sum(len(s.text) for s, features in zip(segments, found, strict=True) if features is None)

    def missing(self, tenant: str, segments: Sequence[Segment]) -> int:
        """Return how many segments, instructions aside, have a text and no vector in memory."""
        keys = [(tenant, s.id) for s in segments if s.role not in INSTRUCTIONS and s.text]
        return self._entries.get_all(keys).count(None)

    def begin(self, tenant: str, history: History) -> float:
        """Return the time that `gather` has until, and embed the latest turn where it is new: it will be needed."""
        until = time.monotonic() + self._deadline
        asked = latest(history)
        ready = self._loaded.done() and not self._loaded.cancelled() and not self._loaded.exception()
        known = asked and self._entries.get((tenant, asked.id))
        if asked and asked.text.strip() and ready and not known and self._shelf.lacks(tenant, asked.id):
            self._embedding.begin(tenant, asked)
        return until

    async def gather(self, tenant: str, history: History, order: Sequence[int], until: float, trace: Trace) -> Gathered:
        """Return what is known of the segments at the time `until`.

        What is not known yet is embedded in the given order of positions, the latest turn first, until then; the rest
        in the background.
        """
        asked = latest(history)
        with trace.timed("index"):
            known, unsure = await self._stored(tenant, history.segments, until)
        with trace.timed("embed"):
            wanted = {s.id: s for s in ([asked] if asked else []) + [history.segments[i] for i in order]}
            fresh = [s for s in wanted.values() if known[s.id] is None and s.text.strip()]
            if fresh and not unsure and await in_time(self._loaded, until):
                rows = await self._embedding.at_once(tenant, fresh, until)
                known.update({s.id: entry(s, rows[s.id]) for s in fresh if s.id in rows})
            if left := [s for s in fresh if known[s.id] is None]:
                self.deadlines_met += 1
                trace.milliseconds["deadline"] = self._deadline * 1000
                self._embedding.later(tenant, left)
            if asked is None:
                query = await self._query_vector(tenant, history.query_text, until)
            else:
                query = found.vector if (found := known[asked.id]) else None
        return Gathered(known, query)

    async def _stored(self, tenant: str, segments: Sequence[Segment], until: float) -> tuple[Known, bool]:
        """Return what is known of each segment, and whether the index could not say so in time."""
        known = self._remembered(tenant, segments)
        missing = [i for i, found in known.items() if found is None]
        if not missing:
            return known, False
        if not await in_time(self._opened, until):
            return known, True
        reading = asyncio.ensure_future(self._shelf.get(tenant, missing))
        if not await in_time(reading, until):
            reading.add_done_callback(lambda done: None if done.cancelled() else done.exception())
            return known, True
        self._remember(tenant, reading.result().values())
        known.update(reading.result())
        return known, False

    async def _query_vector(self, tenant: str, text: str, until: float) -> NDArray[np.float32] | None:
        """Return the vector of a latest turn that is no segment itself; None where it is not there in time."""
        key = (tenant, text)
        vector: NDArray[np.float32] | None = self._queries.get(key)
        if vector is None and text.strip() and await in_time(self._loaded, until):
            rows = await self._embedding.text(text, until)
            if rows is not None:
                vector = rows[0]
                self._queries.put(key, vector, size=500 + vector.nbytes + 2 * len(text))
        return vector

    def prepare(self, tenant: str, segments: Sequence[Segment]) -> None:
        """See to it in the background that `segments` have vectors by the time a cut asks for them."""
        found = self._entries.get_all([(tenant, s.id) for s in segments])
        fresh = [s for s, entry in zip(segments, found, strict=True) if entry is None and s.text.strip()]
        if fresh:
            self._embedding.later(tenant, fresh)

    async def _unknown(self, tenant: str, segments: Sequence[Segment]) -> Sequence[Segment]:
        """Return those of `segments` that neither memory nor the index has a vector of."""
        await asyncio.wait([self._opened, self._loaded])
        self._loaded.result()
        known = self._remembered(tenant, segments)
        missing = [i for i, found in known.items() if found is None]
        if missing and not self._opened.exception():
            with suppress(FoveateError, OSError):  # an index that cannot be read holds nothing
                stored = await self._shelf.get(tenant, missing)
                self._remember(tenant, stored.values())
                known.update(stored)
        return [s for s in segments if known[s.id] is None]

    def _at_hand(self, tenant: str, segments: Sequence[Segment]) -> dict[str, NDArray[np.float32]]:
        """Return the vectors in memory, by segment id."""
        return {i: found.vector for i, found in self._remembered(tenant, segments).items() if found is not None}

    def _embedded(self, tenant: str, segments: Sequence[Segment], rows: Vectors) -> None:
        entries = [entry(segment, row) for segment, row in zip(segments, rows, strict=True)]
        self._remember(tenant, entries)
        self._shelf.put(tenant, entries)

    def _remembered(self, tenant: str, segments: Sequence[Segment]) -> Known:
        ids = [s.id for s in segments]
        return dict(zip(ids, self._entries.get_all([(tenant, i) for i in ids]), strict=True))

    def _remember(self, tenant: str, entries: Iterable[Entry]) -> None:
        for found in entries:
            self._entries.put((tenant, found.id), found, size=600 + found.vector.nbytes)

    def recalled(self, tenant: str, segments: Sequence[Segment]) -> None:
        """Count one more recall of each of `segments`."""
        entries = self._remembered(tenant, segments).values()
        counted = [dataclasses.replace(found, recalls=found.recalls + 1) for found in entries if found is not None]
        self._remember(tenant, counted)
        self._shelf.put(tenant, counted)


def latest(history: History) -> Segment | None:
    """Return the segment that is the latest turn; None where that is split or not there."""
    return next((s for s in reversed(history.segments) if s.text == history.query_text), None)


def entry(segment: Segment, vector: NDArray[np.float32]) -> Entry:
    """Return what is kept of a segment that is met for the first time."""
    return Entry(segment.id, vector, segment.kind, segment.role, segment.tokens, first_seen=int(time.time()))


def completed(history: History, gathered: Gathered) -> History:
    """Return `history` with vectors, ages and recall counts; zeros where nothing is known. CPU only."""
    now, query = time.time(), gathered.query
    entries = [gathered.known[s.id] for s in history.segments]
    vectors = [e.vector for e in entries if e is not None]
    dimensions = query.shape[0] if query is not None else vectors[0].shape[0] if vectors else 0
    nothing = np.zeros(dimensions, dtype=np.float32)
    return dataclasses.replace(
        history,
        vectors=np.concatenate([nothing, *(nothing if e is None else e.vector for e in entries)]).reshape(
            len(entries) + 1, dimensions
        )[1:],
        query_vector=nothing if query is None else query,
        age_hours=np.array([0.0 if e is None else max(0.0, now - e.first_seen) / 3600 for e in entries]),
        recalls=np.array([0.0 if e is None else e.recalls for e in entries], dtype=float),
    )


async def in_time(future: asyncio.Future[T], until: float) -> bool:
    """Say whether a future has a result by the time `until`; raises what it failed with, and never cancels it."""
    if not future.done():
        await asyncio.wait([future], timeout=max(0.0, until - time.monotonic()))
    if future.done():
        future.result()
    return future.done()


def report_failure(what: str, done: asyncio.Future[None]) -> None:
    """Log why the embedder or the index did not come up."""
    if not done.cancelled() and (error := done.exception()):
        _log.error("the %s cannot be used, so nothing will be pruned: %s", what, error)
