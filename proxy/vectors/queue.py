"""Embeds segments in threads of its own: in all of them for a request that waits, in one of them in
the background while none does.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np

from foveate.policies.types import Segment
from foveate.proxy import process
from foveate.proxy.vectors.embedders import Embedder
from foveate.proxy.vectors.faults import Faults, has_result, in_time
from foveate.proxy.vectors.indexes import Entry, EntryKey, Vector
from foveate.proxy.vectors.store import VectorStore

Made = dict[str, Entry]  # by segment id
# Texts go to the model for about so many seconds at a time: no request waits longer behind another's.
SLICE = 0.02
SLOWEST, FIRST_PACE = 2_000.0, 16_000.0  # characters a second
HEAD = 4  # times what a model reads, about: no text is cut shorter than the model itself would cut it
MAX_QUEUED = 50_000  # segments that wait for their vectors; the oldest conversation gives way
# While the event loop is busy for more than a twentieth of the time, background work pauses for as long
# as it works: on a single core each request would wait for the model's turn to end.
BUSY = 20
TIDY_EVERY = 10.0  # seconds between two times that the heap gives back what the model has used


class EmbeddingQueue:
    """Embeds each segment once, whoever asks, and puts what it makes into the store."""

    def __init__(
        self, embedder: Embedder, store: VectorStore, faults: Faults, threads: int = 1
    ) -> None:
        self._embedder = embedder
        self._store = store
        self._faults = faults
        self._lanes = threads
        self._threads = ThreadPoolExecutor(threads, "embed")
        self._pace = FIRST_PACE
        self._underway: dict[EntryKey, asyncio.Future[Made]] = {}
        self._turns: deque[tuple[str, list[Segment]]] = deque()  # tenant, what is still to embed
        self._queued: set[EntryKey] = set()  # of all in them, and of the batch in hand
        self._task: asyncio.Task[None] | None = None
        self._tidied = -TIDY_EVERY
        self._waiting = 0  # requests that wait: background work stands back for them
        self._quiet = asyncio.Event()
        self._quiet.set()

    def load(self) -> asyncio.Future[None]:
        """Begin to load the model; the result is there once it is loaded."""
        self._loaded = asyncio.get_running_loop().run_in_executor(self._threads, self._embedder.load)
        self._faults.watch("embedder", self._loaded)
        return self._loaded

    @property
    def queued(self) -> int:
        """How many segments wait for their vectors."""
        return len(self._queued)

    async def aclose(self) -> None:
        """Finish what is being embedded, then end the threads."""
        self._turns.clear()
        self._quiet.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*self._underway.values(), return_exceptions=True)
        self._threads.shutdown()

    def begin(self, tenant: str, segment: Segment) -> None:
        """Embed a segment ahead of whoever asks for it in a moment, where the model is loaded."""
        if has_result(self._loaded) and (tenant, segment.id) not in self._underway:
            self._start(tenant, [segment])

    async def query(self, text: str, end: float) -> Vector | None:
        """Return the vector of a text that asks; None where it is not there at the time `end`."""
        with self._ahead():
            if not await in_time(self._loaded, end):
                return None
            job = self._threads.submit(self._asking, text)
            vector = asyncio.wrap_future(job)
            self._faults.watch("embedder", vector)
            if await in_time(vector, end):
                return vector.result()
            job.cancel()
            return None

    def _asking(self, text: str) -> Vector:
        embed = self._embedder.embed if self._embedder.symmetric else self._embedder.embed_queries
        vector: Vector
        (vector,) = np.asarray(embed([self._head(text)]), dtype=np.float32)
        return vector

    async def at_once(self, tenant: str, segments: Sequence[Segment], end: float) -> Made:
        """Return the entries of as many segments in that order as can be had by the time `end`."""
        found: Made = {}
        with self._ahead():
            left = list(segments) if await in_time(self._loaded, end) else []
            await asyncio.gather(*(self._lane(tenant, left, found, end) for _ in range(self._lanes)))
        return found

    async def _lane(self, tenant: str, left: list[Segment], found: Made, end: float) -> None:
        """Embed the first of what is left, batch by batch beside the other lanes, until the time `end`."""
        room = end - time.monotonic()
        while left and room > 0:
            batch = self._first(left, min(SLICE, room))
            del left[: len(batch)]
            found.update(await self._batch(tenant, batch, end))
            if batch[-1].id not in found:  # late or broken
                break
            room = end - time.monotonic()

    async def _batch(self, tenant: str, batch: Sequence[Segment], end: float) -> Made:
        """Return the entries of a batch that are there in time, whoever embeds them."""
        found = self._store.at_hand(tenant, batch)
        missing = [s for s in batch if s.id not in found]
        others = {self._underway[tenant, s.id] for s in missing if (tenant, s.id) in self._underway}
        own = [s for s in missing if (tenant, s.id) not in self._underway]
        if own:
            job, made = self._start(tenant, own)
            others.add(made)
            if not await in_time(made, end):
                job.cancel()  # what has begun goes on, and is there for the next request
        for made in others:
            if await in_time(made, end):
                found.update(made.result())
        return found

    def _start(
        self, tenant: str, batch: Sequence[Segment]
    ) -> tuple[Future[Made], asyncio.Future[Made]]:
        keys = [(tenant, s.id) for s in batch]
        job = self._threads.submit(self._made, batch)
        made = asyncio.wrap_future(job)
        self._underway.update(dict.fromkeys(keys, made))
        made.add_done_callback(partial(self._finish, tenant, keys))
        self._faults.watch("embedder", made)
        return job, made

    def _finish(self, tenant: str, keys: Sequence[EntryKey], made: asyncio.Future[Made]) -> None:
        for key in keys:
            self._underway.pop(key, None)
        if has_result(made):
            self._store.put(tenant, made.result().values())

    def _made(self, batch: Sequence[Segment]) -> Made:
        """Embed a batch, and measure the pace; called in a thread."""
        start, now = time.monotonic(), int(time.time())
        rows = np.asarray(self._embedder.embed([self._head(s.text) for s in batch]), dtype=np.float32)
        seen = sum(map(self._read, batch)) / max(1e-4, time.monotonic() - start)
        self._pace += 0.3 * (max(SLOWEST, seen) - self._pace)
        return {s.id: entry_of(s, row, now) for s, row in zip(batch, rows, strict=True)}

    def _head(self, text: str) -> str:
        """Return what the model needs of a text: its tokenizer reads all that it is given, to keep the
        beginning.
        """
        return text[: HEAD * self._embedder.reads]

    def _read(self, segment: Segment) -> int:
        return min(len(segment.text), self._embedder.reads)

    def _first(self, segments: Sequence[Segment], seconds: float) -> list[Segment]:
        """Return the first of the segments: what takes about so long, a model's batch at least."""
        size = 0
        for count, segment in enumerate(segments):
            size += self._read(segment)
            if count >= self._embedder.batch and size > self._pace * seconds:
                return list(segments[:count])
        return list(segments)

    @contextmanager
    def _ahead(self) -> Iterator[None]:
        self._waiting += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._quiet.set()

    def later(self, tenant: str, segments: Sequence[Segment]) -> None:
        """Embed in the background, conversation by conversation in turn."""
        fresh = {(tenant, s.id): s for s in segments}
        for key in [key for key in fresh if key in self._underway or key in self._queued]:
            del fresh[key]
        if not fresh or (self._loaded.done() and not has_result(self._loaded)):
            return
        self._queued.update(fresh)
        self._turns.append((tenant, [self._light(segment) for segment in fresh.values()]))
        while len(self._queued) > MAX_QUEUED:
            self._taken(*self._turns.popleft())
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._background())

    def _light(self, segment: Segment) -> Segment:
        """Return a segment with what the model needs of its text, so that a queue of long ones takes
        little memory.
        """
        head = self._head(segment.text)
        return segment if head == segment.text else replace(segment, text=head)

    def _taken(self, tenant: str, segments: Sequence[Segment]) -> None:
        self._queued.difference_update((tenant, s.id) for s in segments)

    async def _background(self) -> None:
        """Embed until nothing waits; where the model fails, nothing waits any longer."""
        try:
            await asyncio.wait([self._loaded])
            going = has_result(self._loaded)
            while going and self._turns:
                await self._quiet.wait()
                going = await self._next()
        finally:
            self._queued.clear()
            self._turns.clear()

    async def _next(self) -> bool:
        """Embed a batch of the conversation whose turn it is, then pause; say if it could."""
        if not self._turns:  # it is being closed
            return False
        before = time.thread_time()  # spent by the event loop
        tenant, waiting = self._turns.popleft()
        batch = self._first(waiting, SLICE)
        if len(waiting) > len(batch):
            self._turns.append((tenant, waiting[len(batch) :]))
        fresh = await self._unknown(tenant, batch)
        start = time.monotonic()
        if fresh:
            made = self._start(tenant, fresh)[1]
            await asyncio.wait([made])
            if not has_result(made):
                return False
        self._taken(tenant, batch)
        if self._turns:
            worked = time.monotonic() - start
            await asyncio.sleep(min(worked, BUSY * (time.thread_time() - before)))
        elif time.monotonic() - self._tidied > TIDY_EVERY:
            self._tidied = time.monotonic()
            await asyncio.get_running_loop().run_in_executor(self._threads, process.give_back)
        return True

    async def _unknown(self, tenant: str, batch: Sequence[Segment]) -> list[Segment]:
        """Return what neither memory nor the index knows of a batch, and nobody is embedding."""
        known = self._store.at_hand(tenant, batch)
        stored = await self._store.fetch(tenant, [s for s in batch if s.id not in known], math.inf)
        known |= stored or {}
        known |= self._store.at_hand(tenant, batch)  # what has come meanwhile
        return [s for s in batch if s.id not in known and (tenant, s.id) not in self._underway]


def entry_of(segment: Segment, vector: Vector, now: int) -> Entry:
    """Return what the index is to hold of a segment."""
    return Entry(segment.id, vector, now, kind=segment.kind, role=segment.role, tokens=segment.tokens)
