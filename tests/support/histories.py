"""What tests of vectors share: conversations, a model that waits to be let go, and histories asked for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

from foveate.policies.types import History, Segment, Vectors
from foveate.proxy.cache import Cache
from foveate.proxy.trace import Trace
from foveate.proxy.vectors import Bounds, Owner
from foveate.proxy.vectors.embedders import Embedder
from foveate.proxy.vectors.histories import Histories
from foveate.proxy.vectors.indexes import VectorIndex
from foveate.proxy.vectors.indexes.in_memory import InMemory
from foveate.proxy.worker import Worker
from support.conversations import segment
from support.parts import WordEmbedder

Make = Callable[..., Histories]


class GatedEmbedder(WordEmbedder):
    """Embeds nothing until it is let go, and then takes its time."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds  # a text
        self.go = threading.Event()
        self.begun = threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.begun.set()
        assert self.go.wait(15)
        time.sleep(self.seconds * len(texts))
        return super().embed(texts)


def histories(
    embedder: Embedder, index: VectorIndex | None = None, deadline: float = 60.0, mib: float = 8,
    cache: Cache | None = None, threads: int = 1,
) -> Histories:  # fmt: skip
    """Return histories that are started."""
    bounds = Bounds(deadline, threads=threads)
    if cache is None:
        cache = Cache(int(mib * 1024 * 1024))
    made = Histories(embedder, index or InMemory(), cache, Worker(), bounds)
    made.start()
    return made


def said(count: int = 30, name: str = "a") -> list[Segment]:
    """Return what the participant `name` says."""
    return [
        segment(f"{name} says number {n}. " + "word " * 100, turn=n, id=f"{name}{n}", key=(n, 0, -1))
        for n in range(count)
    ]


async def complete(
    made: Histories, segments: Sequence[Segment], tenant: str = "t", query: str | None = None
) -> tuple[History, Trace]:
    """Return the history of those segments, whose last one is the latest turn, and how long it took."""
    trace = Trace()
    text = segments[-1].text if query is None else query
    return await made.history(Owner(tenant), segments, text, trace), trace


async def until(condition: Callable[[], object]) -> None:
    """Wait for what happens in the background."""
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end, "it never happened"
        await asyncio.sleep(0.005)
