"""Vectors under a deadline: what is late or broken is done without, and nothing is embedded twice."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from foveate.policies.signals.semantic import Semantic
from foveate.policies.types import Segment, Vectors
from foveate.proxy.cache import Cache
from foveate.proxy.errors import ConfigError
from foveate.proxy.trace import Trace
from foveate.proxy.vectors import Owner
from foveate.proxy.vectors.indexes import ANY, Entry, Only, Vector
from foveate.proxy.vectors.indexes.in_memory import InMemory
from foveate.proxy.vectors.known import JUDGED
from support.conversations import segment
from support.histories import GatedEmbedder, Make, complete, said, until
from support.parts import (
    FailingEmbedder,
    FailingIndex,
    FullIndex,
    RecordingIndex,
    UnloadableEmbedder,
    WordEmbedder,
    word_vector,
)


class OwnIndex(RecordingIndex):
    """Knows what it holds, as nobody else writes to it."""

    ids = InMemory.ids


class ClosedIndex(InMemory):
    """Cannot be opened."""

    def open(self) -> None:
        raise ConfigError("the folder is a file")


class SlowIndex(RecordingIndex):
    """Answers when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        assert self.go.wait(15)
        return super().get(tenant, ids)


class AskingEmbedder(WordEmbedder):
    """Tells queries from texts."""

    symmetric = False

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self.embed([f"query: {text}" for text in texts])


async def test_a_slow_model_holds_a_request_no_longer_than_the_deadline(make: Make) -> None:
    embedder = GatedEmbedder()
    made = make(embedder, deadline=0.05)
    found, trace = await complete(made, said())  # returns though the model never does
    assert not found.vectors.any()
    assert made.deadlines_met == 1
    assert trace.late == 30
    assert trace.milliseconds.keys() == {"features", "index", "embed"}
    embedder.go.set()


async def test_what_came_late_is_there_for_the_next_request_and_embedded_once(make: Make) -> None:
    embedder = GatedEmbedder()
    made = make(embedder, deadline=0.05)
    await complete(made, said())
    embedder.go.set()
    await until(lambda: made.queued == 0)
    found, trace = await complete(made, said())
    assert found.vectors.any(axis=1).all()
    assert found.query_vector.any()
    assert trace.late == 0
    assert len(embedder.texts) == len(set(embedder.texts)) == 30


async def test_requests_at_the_same_time_share_what_is_being_embedded(make: Make) -> None:
    embedder = GatedEmbedder()
    made = make(embedder)
    both = [asyncio.create_task(complete(made, said())) for _ in range(2)]
    await until(embedder.begun.is_set)
    embedder.go.set()
    for found, _ in await asyncio.gather(*both):
        assert found.vectors.any(axis=1).all()
    assert len(embedder.texts) == len(set(embedder.texts))


async def test_the_latest_turn_is_embedded_first_then_the_likeliest(make: Make) -> None:
    embedder = GatedEmbedder(0.03)  # one text at a time
    likely = segment("the night train leaves at nine" + " and so on" * 50, turn=0, id="likely")
    turn = segment("when does the night train leave?", turn=40, id="turn")
    made = make(embedder)
    await made.opened()
    asked = asyncio.create_task(complete(made, [likely, *said(), turn]))
    await until(embedder.begun.is_set)
    await asyncio.sleep(0.1)  # the background, which begins with the newest, may have put in one
    embedder.go.set()
    await asked
    assert embedder.texts[0] == turn.text
    assert likely.text in embedder.texts[1:3]


async def test_the_latest_turn_is_embedded_while_the_history_is_read_and_once(make: Make) -> None:
    embedder = GatedEmbedder()
    made = make(embedder)
    await made.opened()
    segments = said()
    asked = asyncio.create_task(complete(made, segments))
    await until(embedder.begun.is_set)
    embedder.go.set()
    await asked
    assert embedder.texts[0] == segments[-1].text
    assert len(embedder.texts) == len(set(embedder.texts)) == 30


async def test_a_cache_too_small_for_anything_embeds_nothing_twice(make: Make) -> None:
    embedder = WordEmbedder()
    made = make(embedder, mib=0.0001)
    for _ in range(3):
        found, _ = await complete(made, said())
        assert found.vectors.any(axis=1).all()
    assert len(embedder.texts) == 30


async def test_an_index_is_never_asked_for_what_it_is_known_to_lack(make: Make) -> None:
    index = OwnIndex()
    made = make(WordEmbedder(), index, mib=0.0001)
    await complete(made, said(name="a"))
    assert index.asked == []
    await until(lambda: len(index.stored) == 30)
    await until(lambda: made.unwritten == 0)
    await complete(made, said(name="a"))
    await complete(made, said(name="b"))
    asked = set().union(*(ids for _, ids in index.asked))
    assert asked == {s.id for s in said(name="a")}


async def test_an_index_that_is_late_costs_its_vectors_and_nothing_is_embedded_meanwhile(
    make: Make,
) -> None:
    embedder, index = WordEmbedder(), SlowIndex()
    made = make(embedder, index, deadline=0.05)
    found, _ = await complete(made, said())
    assert not found.vectors.any()
    assert made.deadlines_met == 1
    assert embedder.texts == []
    index.go.set()
    await until(lambda: made.queued == 0)
    assert (await complete(made, said()))[0].vectors.any(axis=1).all()


async def test_a_turn_without_text_has_no_vector(make: Make) -> None:
    embedder = WordEmbedder()
    made = make(embedder)
    picture = segment("", turn=9)
    for _ in range(2):
        found, trace = await complete(made, [*said(5), picture])
        assert not found.query_vector.any()
        assert trace.late == 0
    assert "" not in embedder.texts


async def test_instructions_have_no_vector(make: Make) -> None:
    embedder = WordEmbedder()
    system = segment("Be brief.", role="system", turn=0)
    found, _ = await complete(make(embedder), [system, *said(3)])
    assert found.vectors.any(axis=1).tolist() == [False, True, True, True]
    assert "Be brief." not in embedder.texts


async def test_a_turn_that_is_no_segment_is_embedded_once_a_tenant(make: Make) -> None:
    embedder = WordEmbedder()
    made = make(embedder)
    for tenant in ("t", "t", "u"):
        found, _ = await complete(made, said(3), tenant, query="what was number two?")
        assert np.allclose(found.query_vector, word_vector("what was number two?"))
    assert embedder.texts.count("what was number two?") == 2


async def test_a_model_that_tells_queries_from_texts_embeds_the_latest_turn_as_both(make: Make) -> None:
    embedder = AskingEmbedder()
    segments = said(3)
    found, _ = await complete(make(embedder), segments)
    assert np.allclose(found.query_vector, word_vector(f"query: {segments[-1].text}"))
    assert np.allclose(found.vectors[-1], word_vector(segments[-1].text))


async def test_a_history_says_how_varied_its_embedder_is_where_it_knows_a_language(make: Make) -> None:
    class Varied(WordEmbedder):
        varied = 0.6

    found, _ = await complete(make(Varied()), said())
    unknown, _ = await complete(make(WordEmbedder()), said())
    assert (found.varied, unknown.varied) == (0.6, 0.0)


async def test_ages_and_recalls_are_those_of_the_index(make: Make) -> None:
    index = InMemory()
    segments = said(3)
    index.upsert(
        "t", [Entry(s.id, word_vector(s.text), first_seen=1_700_000_000) for s in segments[:2]]
    )
    made = make(WordEmbedder(), index)
    found, _ = await complete(made, segments)
    assert found.age_hours[0] > 1000
    assert found.age_hours[2] < 1
    made.recalled("t", segments[:1])
    made.recalled("t", segments[:1])
    assert (await complete(made, segments))[0].recalls.tolist() == [2, 0, 0]
    await until(lambda: made.unwritten == 0)
    assert index.get("t", [segments[0].id])[segments[0].id].recalls == 2


async def test_another_model_has_vectors_of_its_own(make: Make) -> None:
    cache = Cache(1 << 20)
    for name in ("one", "two"):
        embedder = WordEmbedder()
        embedder.name = name
        await complete(make(embedder, cache=cache), said())
        assert len(embedder.texts) == 30


async def test_the_cache_keeps_within_its_bound(make: Make) -> None:
    cache = Cache(50_000)
    made = make(WordEmbedder(), cache=cache)
    for name in "abcdef":
        await complete(made, said(name=name))
        assert 0 < cache.bytes <= 50_000


@pytest.mark.parametrize("embedder", [FailingEmbedder, UnloadableEmbedder])
async def test_a_broken_model_leaves_the_words_and_is_counted_and_told_once(
    make: Make, caplog: pytest.LogCaptureFixture, embedder: type[WordEmbedder]
) -> None:
    with caplog.at_level(logging.WARNING):
        made = make(embedder())
        for name in "abc":
            found, _ = await complete(made, said(name=name))
            assert found.vectors.shape[0] == len(found.features) == 30
            assert not found.vectors.any()
            assert not Semantic().score(found).any()
        made.prepare("t", said(name="d"))
        await until(lambda: made.queued == 0)
    assert made.deadlines_met == 3
    assert made.failures["embedder"] >= 1
    assert (made.failures["index"], made.failures["writing"]) == (0, 0)
    assert len([r for r in caplog.records if "by their words" in r.getMessage()]) == 1


async def test_a_model_that_gives_too_few_vectors_is_broken(make: Make) -> None:
    class Short(WordEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            return super().embed(texts[1:])

    made = make(Short())
    found, _ = await complete(made, said())
    assert not found.vectors.any()
    assert made.failures["embedder"] >= 1


async def test_a_model_that_gives_no_vector_of_a_query_is_broken(make: Make) -> None:
    class Silent(AskingEmbedder):
        def embed_queries(self, texts: Sequence[str]) -> Vectors:
            return self.embed([])

    made = make(Silent())
    found, _ = await complete(made, said())
    assert not found.query_vector.any()
    assert found.vectors.any(axis=1).all()
    assert made.failures["embedder"] == 1


async def test_a_model_that_breaks_in_the_middle_leaves_what_it_has_made(make: Make) -> None:
    class Breaking(GatedEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            if any("number 3." in text for text in texts):
                raise MemoryError("no room")
            return super().embed(texts)

    embedder = Breaking(0.03)  # a text at a time
    embedder.go.set()
    made = make(embedder)
    found, _ = await complete(made, said())
    assert found.query_vector.any()
    assert 0 < found.vectors.any(axis=1).sum() < 30


async def test_a_model_that_works_again_is_used_again(make: Make) -> None:
    embedder = FailingEmbedder()
    made = make(embedder)
    await complete(made, said())
    embedder.embed = WordEmbedder().embed  # type: ignore[method-assign]
    assert (await complete(made, said()))[0].vectors.any(axis=1).all()


@pytest.mark.parametrize("index", [FailingIndex, ClosedIndex])
async def test_a_broken_index_holds_nothing_and_is_counted_and_told_once(
    make: Make, caplog: pytest.LogCaptureFixture, index: type[InMemory]
) -> None:
    embedder = WordEmbedder()
    with caplog.at_level(logging.WARNING):
        made = make(embedder, index())
        for name in "aab":
            assert (await complete(made, said(name=name)))[0].vectors.any(axis=1).all()
        made.prepare("t", said(name="c"))
        await until(lambda: made.queued == 0)
    assert len(embedder.texts) == 90
    assert made.failures["index"] >= 1
    assert made.failures["embedder"] == made.deadlines_met == 0
    assert len([r for r in caplog.records if "index cannot be read" in r.getMessage()]) == 1


async def test_what_cannot_be_stored_lives_in_memory_and_is_reported(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    index = FullIndex()
    with caplog.at_level(logging.WARNING):
        made = make(WordEmbedder(), index)
        await made.opened()
        assert made.problems() == []
        await complete(made, said())
        await until(lambda: made.failures["writing"] and made.unwritten == 0)
    assert (await complete(made, said()))[0].vectors.any(axis=1).all()
    assert "1 batches of vectors could not be stored" in made.problems()[0]
    assert len([r for r in caplog.records if "No space left" in r.getMessage()]) == 1


async def test_problems_say_what_cannot_be_had(make: Make) -> None:
    made = make(UnloadableEmbedder(), ClosedIndex())
    assert "being opened" in made.problems()[0]
    await made.opened()
    assert [p.partition(":")[0] for p in made.problems()] == [
        "the embedder cannot be used", "the index cannot be used"
    ]  # fmt: skip


async def test_equal_texts_share_a_vector(make: Make) -> None:
    embedder = WordEmbedder()
    twice = [replace(s, id="same", text="ping " * 20) for s in said(4)]
    found, _ = await complete(make(embedder), [*twice, *said(2)])
    assert found.vectors.any(axis=1).all()
    assert embedder.texts.count("ping " * 20) == 1


class SearchedIndex(RecordingIndex):
    """Notes what it is searched for."""

    def __init__(self) -> None:
        super().__init__()
        self.searched: list[int] = []

    def search(self, tenant: str, vector: Vector, most: int, only: Only = ANY) -> Mapping[str, float]:
        self.searched.append(most)
        return super().search(tenant, vector, most, only)


async def warmed_up(make: Make, segments: Sequence[Segment]) -> SearchedIndex:
    """Return an index that holds all but the last ten of those segments."""
    index = SearchedIndex()
    made = make(WordEmbedder(), index)
    await complete(made, segments[:-10])
    await until(lambda: made.unwritten == made.queued == 0)
    index.asked.clear()
    index.found.clear()
    return index


async def test_a_history_that_the_index_alone_holds_is_told_by_one_search(make: Make) -> None:
    segments = said(400)
    index = await warmed_up(make, segments)
    embedder = WordEmbedder()
    made = make(embedder, index, mib=0.5)  # too little to bring them to memory
    trace = Trace()
    cold = await made.history(Owner("t"), segments, segments[-1].text, trace, whole=False)
    assert len(index.searched) == 1
    assert sum(len(ids) for _, ids in index.found) <= JUDGED
    assert len(embedder.texts) == 10, "what the index lacks is embedded"
    expected = [float(word_vector(s.text) @ word_vector(segments[-1].text)) for s in segments]
    assert np.allclose(cold.cosines(), expected, atol=1e-5)
    assert trace.late == 0


async def test_what_was_searched_for_is_in_memory_soon(make: Make) -> None:
    segments = said(400)
    index = await warmed_up(make, segments)
    made = make(WordEmbedder(), index)
    await made.history(Owner("t"), segments, segments[-1].text, Trace(), whole=False)
    await until(lambda: sum(len(ids) for _, ids in index.found) >= 390)
    await asyncio.sleep(0.05)
    warm = await made.history(Owner("t"), segments, segments[-1].text, Trace(), whole=False)
    assert warm.likeness is None
    assert len(index.searched) == 1


async def test_a_policy_that_reads_vectors_gets_them_all(make: Make) -> None:
    segments = said(400)
    index = await warmed_up(make, segments)
    found, _ = await complete(make(WordEmbedder(), index), segments)
    assert index.searched == []
    assert found.vectors.any(axis=1).all()


async def test_an_index_that_cannot_be_searched_is_read(make: Make) -> None:
    class Unsearched(RecordingIndex):
        def search(self, *given: object, **named: object) -> Mapping[str, float]:
            raise OSError("no")

    index = Unsearched()
    segments = said(200)
    await complete(make(WordEmbedder(), index), segments)
    await until(lambda: len(index.stored) >= 200)
    embedder = WordEmbedder()
    made = make(embedder, index)
    found = await made.history(Owner("t"), segments, segments[-1].text, Trace(), whole=False)
    assert found.vectors.any(axis=1).all()
    assert embedder.texts == []
    assert made.failures["index"] == 1


async def test_the_index_is_told_what_an_entry_is_of(make: Make) -> None:
    index = InMemory()
    made = make(WordEmbedder(), index)
    segments = said(3)
    await made.history(Owner("t", "talk"), segments, segments[-1].text, Trace())
    await until(lambda: made.unwritten == 0)
    found = index.get("t", [s.id for s in segments])[segments[0].id]
    about = (segments[0].kind, segments[0].role, segments[0].tokens)
    assert (found.kind, found.role, found.tokens) == about
    assert (found.conversation, found.topic) == ("talk", 0)
