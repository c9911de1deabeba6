"""Embeds texts in a thread of its own: for a request that waits, and in the background while none does."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from foveate.policies.types import Segment, Vectors
from foveate.proxy import process
from foveate.proxy.vectors.embedders import Embedder

Vector = NDArray[np.float32]
Done = Callable[[str, Sequence[Segment], Vectors], None]
Lookup = Callable[[str, Sequence[Segment]], Awaitable[Sequence[Segment]]]
Recall = Callable[[str, Sequence[Segment]], dict[str, Vector]]
# Texts go to the model for about this many seconds at a time, so that no request waits longer behind another's.
SLICE = 0.02
READ = 1000  # characters of a text that a model reads, about
SLOWEST, FIRST_PACE = 2_000.0, 16_000.0  # characters a second
MAX_QUEUED = 50_000  # segments that wait for their vectors; the oldest conversation gives way
# While the event loop is busy for more than a twentieth of the time, background work pauses for as long as it works: on
# a single core each request would wait for the model's turn to end.
BUSY = 20
TIDY_EVERY = 10.0  # seconds, at the least, between two times that the heap gives back what the model has used


class Embedding:
    """Embeds each segment once, whoever asks.

    `done` is given vectors as they come; `recall` returns those that are at hand, by segment id, and `lookup` the
    segments that none is stored of.
    """

    def __init__(self, embedder: Embedder, done: Done, recall: Recall, lookup: Lookup) -> None:
        self._embedder = embedder
        self._done = done
        self._recall = recall
        self._lookup = lookup
        self._thread = ThreadPoolExecutor(1, "embed")
        self._pace = FIRST_PACE
        self._underway: dict[tuple[str, str], tuple[asyncio.Future[Vectors], int]] = {}  # and the row in the result
        self._turns: deque[tuple[str, list[Segment]]] = deque()  # conversations: tenant, what is still to embed
        self._queued: set[tuple[str, str]] = set()  # tenant and segment id of all in them, and of the batch in hand
        self._task: asyncio.Task[None] | None = None
        self._tidied = -TIDY_EVERY
        self._waiting = 0  # requests that wait: background work stands back for them
        self._quiet = asyncio.Event()
        self._quiet.set()

    def load(self) -> asyncio.Future[None]:
        """Begin to load the model; the result is there once it is loaded."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._embedder.load)

    @property
    def queued(self) -> int:
        """How many segments wait for their vectors."""
        return len(self._queued)

    async def aclose(self) -> None:
        """Finish the batch that is being embedded, then end the thread."""
        self._queued.clear()
        self._turns.clear()
        self._quiet.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(future for future, _ in self._underway.values()), return_exceptions=True)
        self._thread.shutdown()

    def begin(self, tenant: str, segment: Segment) -> None:
        """Embed a segment ahead of whoever asks for it in a moment."""
        if (tenant, segment.id) not in self._underway:
            self._start(tenant, [segment])

    async def text(self, text: str, until: float) -> Vectors | None:
        """Return the vector of a text by itself, None where it is not there at the time `until`."""
        with self._ahead():
            job = self._thread.submit(self._embedder.embed, [text])
            rows = await wait(asyncio.wrap_future(job), until)
            if rows is None:
                job.cancel()
            return rows

    async def at_once(self, tenant: str, segments: Sequence[Segment], until: float) -> dict[str, Vector]:
        """Return the vectors, by segment id, of as many segments in that order as can be had by the time `until`."""
        found: dict[str, Vector] = {}
        with self._ahead():
            left = list(segments)
            while left and (room := until - time.monotonic()) > 0:
                batch = next(batches(left, self._pace * min(SLICE, room)))
                found.update(self._recall(tenant, batch))  # others embed, too
                found.update(await self._batch(tenant, [s for s in batch if s.id not in found], until))
                del left[: len(batch)]
        return found

    async def _batch(self, tenant: str, batch: Sequence[Segment], until: float) -> dict[str, Vector]:
        """Return the vectors of a batch that are there in time; what is being embedded already is waited for."""
        places = {s.id: self._underway[tenant, s.id] for s in batch if (tenant, s.id) in self._underway}
        own = [s for s in batch if s.id not in places]
        if own:
            job, result = self._start(tenant, own)
            places.update({s.id: (result, row) for row, s in enumerate(own)})
            if await wait(result, until) is None:
                job.cancel()  # what has begun goes on, and is there for the next request
        rows = {i: (await wait(future, until), row) for i, (future, row) in places.items()}
        return {i: vectors[row] for i, (vectors, row) in rows.items() if vectors is not None}

    def _start(self, tenant: str, batch: Sequence[Segment]) -> tuple[Future[Vectors], asyncio.Future[Vectors]]:
        keys = [(tenant, s.id) for s in batch]
        job = self._thread.submit(self._measured, [s.text for s in batch])
        result = asyncio.wrap_future(job)
        self._underway.update({key: (result, row) for row, key in enumerate(keys)})

        def finished(future: asyncio.Future[Vectors]) -> None:
            for key in keys:
                self._underway.pop(key, None)
            if not future.cancelled() and not future.exception():
                self._done(tenant, batch, future.result())

        result.add_done_callback(finished)
        return job, result

    def _measured(self, texts: Sequence[str]) -> Vectors:
        start = time.monotonic()
        rows = self._embedder.embed(texts)
        seen = sum(min(len(text), READ) for text in texts) / max(1e-4, time.monotonic() - start)
        self._pace += 0.3 * (max(SLOWEST, seen) - self._pace)
        return rows

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
        fresh = {key: s for s in segments if (key := (tenant, s.id)) not in self._underway and key not in self._queued}
        if not fresh:
            return
        self._queued.update(fresh)
        self._turns.append((tenant, list(fresh.values())))
        while len(self._queued) > MAX_QUEUED:
            self._taken(*self._turns.popleft())
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._background())
            self._task.add_done_callback(self._ended)

    def _taken(self, tenant: str, segments: Sequence[Segment]) -> None:
        self._queued.difference_update((tenant, s.id) for s in segments)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception():  # the model is broken: whoever needs it next is told
            self._queued.clear()
            self._turns.clear()

    async def _background(self) -> None:
        spent = time.thread_time()
        while self._turns:
            await self._quiet.wait()
            if not self._turns:
                return
            tenant, waiting = self._turns.popleft()
            batch = next(batches(waiting, self._pace * SLICE))
            if left := waiting[len(batch) :]:
                self._turns.append((tenant, left))
            missing = await self._lookup(tenant, batch)
            known = self._recall(tenant, missing)  # what has come meanwhile
            fresh = [s for s in missing if s.id not in known and (tenant, s.id) not in self._underway]
            start = time.monotonic()
            if fresh:
                await self._start(tenant, fresh)[1]
            self._taken(tenant, batch)
            worked, before = time.monotonic() - start, spent
            spent = time.thread_time()  # by the event loop
            if self._turns:
                await asyncio.sleep(min(worked, BUSY * (spent - before)))
            elif time.monotonic() - self._tidied > TIDY_EVERY:
                self._tidied = time.monotonic()
                await asyncio.get_running_loop().run_in_executor(self._thread, process.give_back)


async def wait(future: asyncio.Future[Vectors], until: float) -> Vectors | None:
    """Return the future's result, None where it is not there at the time `until`; it goes on then."""
    if future.done():
        return None if future.cancelled() else future.result()
    done, _ = await asyncio.wait([future], timeout=max(0.0, until - time.monotonic()))
    return future.result() if done and not future.cancelled() else None


def batches(segments: Sequence[Segment], characters: float) -> Iterator[list[Segment]]:
    """Yield runs of segments, one at least, of about so many characters that a model reads."""
    batch: list[Segment] = []
    size = 0
    for segment in segments:
        read = min(len(segment.text), READ)
        if batch and size + read > characters:
            yield batch
            batch, size = [], 0
        batch.append(segment)
        size += read
    if batch:
        yield batch
