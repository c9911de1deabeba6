"""Embedding in the background: in turn, once, and behind whoever waits."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from foveate.policies.types import Vectors
from support.histories import GatedEmbedder, Make, complete, said, until
from support.parts import FailingEmbedder, FailingIndex, RecordingIndex, WordEmbedder


async def test_cold_conversations_take_turns_in_the_background(make: Make) -> None:
    embedder = GatedEmbedder(0.01)
    made = make(embedder, deadline=0.02)
    await complete(made, said(name="a"))
    await complete(made, said(name="b"))
    embedder.go.set()
    await until(lambda: made.queued == 0)
    owners = [text[0] for text in embedder.texts]
    assert "b" in owners[: len(owners) // 2]


async def test_a_failing_model_leaves_nothing_waiting(make: Make) -> None:
    made = make(FailingEmbedder())
    made.prepare("t", said())
    await until(lambda: made.failures["embedder"])
    await until(lambda: made.queued == 0)


async def test_an_index_that_cannot_be_read_keeps_nothing_from_being_embedded(make: Make) -> None:
    embedder = WordEmbedder()
    made = make(embedder, FailingIndex())
    made.prepare("t", said())
    await until(lambda: made.queued == 0)
    assert sorted(embedder.texts) == sorted(s.text for s in said())


async def test_what_waits_already_is_not_listed_again(make: Make) -> None:
    embedder = GatedEmbedder()
    made = make(embedder)
    for _ in range(5):
        made.prepare("t", said())
    assert made.queued == 30
    assert sum(len(segments) for _, segments in made._queue._turns) <= 30
    embedder.go.set()
    await until(lambda: made.queued == 0)


async def test_the_background_and_a_request_never_embed_the_same(make: Make) -> None:
    embedder = GatedEmbedder(0.0005)
    embedder.go.set()
    made = make(embedder, RecordingIndex())  # asked each time, so that each finds the other in between
    await made.opened()
    for name in "abcdef":
        made.prepare("t", said(name=name)[::-1])
        await asyncio.sleep(0.003)
        await complete(made, said(name=name))
    await until(lambda: made.queued == 0)
    assert len(embedder.texts) == len(set(embedder.texts)) == 180


async def test_a_model_that_takes_many_texts_at_a_time_is_given_them(make: Make) -> None:
    calls: list[int] = []

    class Batched(WordEmbedder):
        batch = 20

        def embed(self, texts):  # type: ignore[no-untyped-def]
            calls.append(len(texts))
            return super().embed(texts)

    await complete(make(Batched()), said(41))
    assert max(calls) >= 20


async def test_the_background_pauses_while_the_event_loop_is_busy(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: dict[bool, list[float]] = {True: [], False: []}
    busy, spent = False, 0.0

    def thread_time() -> float:
        nonlocal spent
        spent += busy * 1.0
        return spent

    async def pause(seconds: float) -> None:
        pauses[busy].append(seconds)
        await asyncio.sleep(0)

    # Of this module alone: other event loops run in this process.
    clock = SimpleNamespace(**{**vars(time), "thread_time": thread_time})
    monkeypatch.setattr("foveate.proxy.vectors.queue.time", clock)
    monkeypatch.setattr(
        "foveate.proxy.vectors.queue.asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": pause})
    )
    embedder = GatedEmbedder(0.001)
    embedder.go.set()
    made = make(embedder)
    for busy in (True, False):
        made.prepare("t", said(name=f"{busy}"))
        await until(lambda: made.queued == 0)
    assert pauses[True]
    assert min(pauses[True]) >= 0.001
    assert set(pauses[False]) <= {0.0}


async def test_what_comes_while_the_heap_is_tidied_is_embedded_too(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()
    monkeypatch.setattr("foveate.proxy.process.give_back", lambda: (begun.set(), go.wait(15)))
    embedder = WordEmbedder()
    made = make(embedder)
    made.prepare("t", said(name="a"))
    await until(begun.is_set)
    made.prepare("t", said(name="b"))
    go.set()
    await until(lambda: made.queued == 0)
    assert len(embedder.texts) == 60


class Side(WordEmbedder):
    """Counts how many texts are embedded at once, each of which waits for a moment for another."""

    def __init__(self, concurrent: bool) -> None:
        super().__init__()
        self.concurrent = concurrent
        self.meeting = threading.Barrier(2)
        self.met = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        try:
            self.meeting.wait(0.02)
            self.met += 1
        except threading.BrokenBarrierError:
            self.meeting.reset()
        return super().embed(texts)


@pytest.mark.parametrize("concurrent", [True, False])
async def test_only_a_model_that_says_so_embeds_texts_side_by_side(
    make: Make, concurrent: bool
) -> None:
    embedder = Side(concurrent)
    history, _ = await complete(make(embedder, threads=2), said())
    assert history.vectors is not None
    assert sorted(embedder.texts) == sorted(s.text for s in said())
    assert (embedder.met > 0) == concurrent


async def test_the_background_embeds_one_text_at_a_time(make: Make) -> None:
    embedder = Side(concurrent=True)
    made = make(embedder, threads=2)
    made.prepare("t", said(6))
    await until(lambda: made.queued == 0)
    assert len(embedder.texts) == 6
    assert not embedder.met
