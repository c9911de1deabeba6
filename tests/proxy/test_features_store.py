"""Vectors under a deadline: what is late comes in the background, and nothing is embedded twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from foveate.policies.types import History, Segment, Vectors
from foveate.proxy.cache import Cache
from foveate.proxy.trace import Trace
from foveate.proxy.vectors.embedders import Embedder
from foveate.proxy.vectors.features import FeatureStore, completed
from foveate.proxy.vectors.indexes import Entry
from foveate.proxy.vectors.indexes.in_memory import InMemory
from foveate.proxy.vectors.shelf import TRIM_AFTER, Shelf
from support.conversations import history, segment
from support.parts import FailingEmbedder, FailingIndex, RecordingIndex, WordEmbedder

Make = Callable[..., FeatureStore]


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


class OwnIndex(RecordingIndex):
    """Knows what it holds, as nobody else writes to it."""

    ids = InMemory.ids


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    stores: list[FeatureStore] = []

    def build(
        embedder: Embedder, index: InMemory | None = None, deadline: float = 60.0, mib: float = 8
    ) -> FeatureStore:
        store = FeatureStore(embedder, index or InMemory(), Cache(int(mib * 1024 * 1024)), deadline)
        store.start()
        stores.append(store)
        return store

    yield build
    for store in stores:
        await store.aclose()


def chat(count: int = 30, name: str = "a") -> History:
    segments = [segment(f"{name} says number {n}. " + "word " * 100, turn=n) for n in range(count)]
    bare = history(segments, segments[-1].text)
    return history(bare.segments, segments[-1].text, np.zeros((count, 0), dtype=np.float32))


async def complete(store: FeatureStore, given: History, tenant: str = "t") -> tuple[History, Trace]:
    trace = Trace()
    until = store.begin(tenant, given)
    return completed(given, await store.gather(tenant, given, range(len(given.segments)), until, trace)), trace


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        await asyncio.sleep(0.005)


async def test_a_slow_model_holds_a_request_no_longer_than_the_deadline(make: Make) -> None:
    embedder = GatedEmbedder()
    store = make(embedder, deadline=0.05)
    found, trace = await complete(store, chat())  # returns though the model never does
    assert not found.vectors.any()
    assert store.deadlines_met == 1
    assert trace.milliseconds["deadline"] == 50
    embedder.go.set()


async def test_what_came_late_is_there_for_the_next_request_and_embedded_once(make: Make) -> None:
    embedder = GatedEmbedder()
    store = make(embedder, deadline=0.05)
    await complete(store, chat())
    embedder.go.set()
    await until(lambda: store.queued == 0)
    found, trace = await complete(store, chat())
    assert found.vectors.any(axis=1).all()
    assert found.query_vector.any()
    assert "deadline" not in trace.milliseconds
    assert len(embedder.texts) == len(set(embedder.texts)) == 30


async def test_requests_at_the_same_time_share_what_is_being_embedded(make: Make) -> None:
    embedder = GatedEmbedder()
    store = make(embedder)
    both = [asyncio.create_task(complete(store, chat())) for _ in range(2)]
    await until(embedder.begun.is_set)
    embedder.go.set()
    for found, _ in await asyncio.gather(*both):
        assert found.vectors.any(axis=1).all()
    assert len(embedder.texts) == len(set(embedder.texts))


async def test_the_latest_turn_is_embedded_first_then_the_given_order(make: Make) -> None:
    embedder = WordEmbedder()
    given = chat(5)
    store = make(embedder)
    await store.gather("t", given, [3, 0, 1, 2, 4], store.begin("t", given), Trace())
    assert embedder.texts == [given.segments[i].text for i in (4, 3, 0, 1, 2)]


async def test_cold_conversations_take_turns_in_the_background(make: Make) -> None:
    embedder = GatedEmbedder(0.01)
    store = make(embedder, deadline=0.02)
    await complete(store, chat(name="a"))
    await complete(store, chat(name="b"))
    embedder.go.set()
    await until(lambda: store.queued == 0)
    owners = [text[0] for text in embedder.texts]
    assert "b" in owners[: len(owners) // 2]


async def test_a_cache_too_small_for_anything_embeds_nothing_twice(make: Make) -> None:
    embedder = WordEmbedder()
    store = make(embedder, mib=0.0001)
    for _ in range(3):
        found, _ = await complete(store, chat())
        assert found.vectors.any(axis=1).all()
    assert len(embedder.texts) == 30


async def test_a_failing_model_fails_the_request_and_leaves_nothing_waiting(make: Make) -> None:
    store = make(FailingEmbedder())
    with pytest.raises(RuntimeError, match="the model broke"):
        await complete(store, chat())
    store.prepare("t", chat(name="c").segments)
    await until(lambda: store.queued == 0)


async def test_writes_go_to_the_index_in_small_batches_of_one_tenant(make: Make) -> None:
    index = RecordingIndex()
    store = make(WordEmbedder(), index)
    await asyncio.gather(complete(store, chat(), "t"), complete(store, chat(), "u"))
    await until(lambda: len(index.stored) == 60)
    assert {name for name, _ in index.stored} == {"t", "u"}


async def test_the_index_is_bounded_in_the_background() -> None:
    index = InMemory()
    shelf = Shelf(index, max_entries=100, max_age_days=1)
    await shelf.open()
    vector = np.ones(4, dtype=np.float32)
    now = int(time.time())
    old = [Entry(f"old{n}", vector, "conversation", "user", 1, now - 2 * 86400) for n in range(10)]
    shelf.put("t", [*old, *(Entry(f"{n}", vector, "conversation", "user", 1, now) for n in range(TRIM_AFTER))])
    await until(lambda: len(index.get("t", [f"{n}" for n in range(TRIM_AFTER)])) == 100)
    assert index.get("t", [e.id for e in old]) == {}
    assert f"{TRIM_AFTER - 1}" in index.get("t", [f"{TRIM_AFTER - 1}"]), "what was stored last stays"
    await until(lambda: shelf.lacks("t", "0"))
    assert not shelf.lacks("t", f"{TRIM_AFTER - 1}"), "and no more than that is known to be there"
    await shelf.aclose()


async def test_an_index_is_never_asked_for_what_it_is_known_to_lack(make: Make) -> None:
    index = OwnIndex()
    store = make(WordEmbedder(), index, mib=0.0001)
    await complete(store, chat(name="a"))
    assert index.asked == []
    await until(lambda: len(index.stored) == 30)
    await until(lambda: store.unwritten == 0)
    await complete(store, chat(name="a"))
    await complete(store, chat(name="b"))
    asked = set().union(*(ids for _, ids in index.asked))
    assert asked == {s.id for s in chat(name="a").segments}


async def test_what_comes_in_little_by_little_is_written_together() -> None:
    index = RecordingIndex()
    shelf = Shelf(index, max_entries=100, max_age_days=1)
    await shelf.open()
    batches: list[int] = []
    upsert = index.upsert
    index.upsert = lambda tenant, entries: (batches.append(len(entries)), upsert(tenant, entries))[1]  # type: ignore[method-assign]
    for n in range(10):
        shelf.put("t", [Entry(f"{n}", np.ones(4, dtype=np.float32), "conversation", "user", 1, int(time.time()))])
        await asyncio.sleep(0.001)
    await shelf.aclose()
    assert batches == [10]


async def test_the_latest_turn_is_embedded_while_the_history_is_read_and_once(make: Make) -> None:
    embedder = GatedEmbedder()
    store = make(embedder)
    await store.opened()
    given = chat()
    end = store.begin("t", given)
    await until(embedder.begun.is_set)  # before anything is asked for
    embedder.go.set()
    await store.gather("t", given, range(30), end, Trace())
    assert embedder.texts[0] == given.query_text
    assert len(embedder.texts) == len(set(embedder.texts)) == 30


async def test_a_turn_without_text_has_no_vector(make: Make) -> None:
    embedder, index = WordEmbedder(), InMemory()
    store = make(embedder, index)
    await store.opened()
    given = chat(5)
    picture = segment("", turn=9)
    told = history([*given.segments, picture], "", np.zeros((6, 0), dtype=np.float32))
    for _ in range(2):
        found, _ = await complete(store, told)
        assert not found.query_vector.any()
    assert "" not in embedder.texts
    assert store.missing("t", told.segments) == 0


async def test_an_index_that_cannot_be_read_keeps_nothing_from_being_embedded(make: Make) -> None:
    embedder = WordEmbedder()
    store = make(embedder, FailingIndex())
    store.prepare("t", chat().segments)
    await until(lambda: store.queued == 0)
    assert store.missing("t", chat().segments) == 0


async def test_another_model_has_vectors_of_its_own() -> None:
    cache = Cache(1 << 20)
    for name in ("one", "two"):
        embedder = WordEmbedder()
        embedder.name = name
        store = FeatureStore(embedder, InMemory(), cache, 60.0)
        store.start()
        await complete(store, chat())
        assert len(embedder.texts) == 30
        await store.aclose()


async def test_what_waits_already_is_not_listed_again(make: Make) -> None:
    embedder = GatedEmbedder()
    store = make(embedder)
    for _ in range(5):
        store.prepare("t", chat().segments)
    assert store.queued == 30
    assert sum(len(ids) for _, ids in store._embedding._turns) <= 30
    embedder.go.set()
    await until(lambda: store.queued == 0)


async def test_the_background_and_a_request_never_embed_the_same(make: Make) -> None:
    embedder = GatedEmbedder(0.0005)
    embedder.go.set()
    store = make(embedder, RecordingIndex())  # asked each time, so that each finds the other in between
    await store.opened()
    for name in "abcdef":
        store.prepare("t", chat(name=name).segments[::-1])
        await asyncio.sleep(0.003)
        await complete(store, chat(name=name))
    await until(lambda: store.queued == 0)
    assert len(embedder.texts) == len(set(embedder.texts)) == 180


async def test_the_background_pauses_while_the_event_loop_is_busy(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
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
    monkeypatch.setattr(
        "foveate.proxy.vectors.embedding.time", SimpleNamespace(**{**vars(time), "thread_time": thread_time})
    )
    monkeypatch.setattr("foveate.proxy.vectors.embedding.asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": pause}))
    embedder = GatedEmbedder(0.001)
    embedder.go.set()
    store = make(embedder)
    for busy in (True, False):
        store.prepare("t", chat(name=f"{busy}").segments)
        await until(lambda: store.queued == 0)
    assert pauses[True]
    assert min(pauses[True]) >= 0.001
    assert set(pauses[False]) <= {0.0}


async def test_what_comes_while_the_heap_is_tidied_is_embedded_too(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()
    monkeypatch.setattr("foveate.proxy.process.give_back", lambda: (begun.set(), go.wait(15)))
    store = make(WordEmbedder())
    store.prepare("t", chat(name="a").segments)
    await until(begun.is_set)
    store.prepare("t", chat(name="b").segments)
    go.set()
    await until(lambda: store.queued == 0)
    assert store.missing("t", chat(name="b").segments) == 0


async def test_the_cache_keeps_within_its_bound(make: Make) -> None:
    cache = Cache(50_000)
    store = FeatureStore(WordEmbedder(), InMemory(), cache, 60.0)
    store.start()
    for name in "abcdef":
        given: Sequence[Segment] = chat(name=name).segments
        store.features(given)
        await complete(store, chat(name=name))
        assert 0 < cache.bytes <= 50_000
    await store.aclose()
