"""An index is written in the background, in batches, and kept bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import numpy as np

from foveate.proxy.errors import VectorIndexError
from foveate.proxy.vectors import Bounds
from foveate.proxy.vectors.buffered import TRIM_AFTER, BufferedIndex
from foveate.proxy.vectors.faults import Faults
from foveate.proxy.vectors.indexes import Entry
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.histories import Make, complete, said, until
from support.parts import FullIndex, RecordingIndex, WordEmbedder

VECTOR = np.ones(4, dtype=np.float32)


async def buffered(index: InMemory, faults: Faults | None = None) -> BufferedIndex:
    made = BufferedIndex(index, Bounds(max_entries=100, max_age_days=1), faults or Faults())
    await made.open()
    return made


async def test_writes_go_to_the_index_in_small_batches_of_one_tenant(make: Make) -> None:
    index = RecordingIndex()
    made = make(WordEmbedder(), index)
    await asyncio.gather(complete(made, said(), "t"), complete(made, said(), "u"))
    await until(lambda: len({(tenant, entry.id) for tenant, entry in index.stored}) == 60)
    assert {name for name, _ in index.stored} == {"t", "u"}


async def test_the_index_is_bounded_in_the_background() -> None:
    index = InMemory()
    shelf = await buffered(index)
    now = int(time.time())
    old = [Entry(f"old{n}", VECTOR, now - 2 * 86400) for n in range(10)]
    shelf.put("t", [*old, *(Entry(f"{n}", VECTOR, now) for n in range(TRIM_AFTER))])
    await until(lambda: len(index.get("t", [f"{n}" for n in range(TRIM_AFTER)])) == 100)
    assert index.get("t", [e.id for e in old]) == {}
    assert f"{TRIM_AFTER - 1}" in index.get("t", [f"{TRIM_AFTER - 1}"]), "what was stored last stays"
    await until(lambda: shelf.lacks("t", "0"))
    assert not shelf.lacks("t", f"{TRIM_AFTER - 1}"), "and no more than that is known to be there"
    await shelf.aclose()


async def test_what_comes_in_little_by_little_is_written_together() -> None:
    index = RecordingIndex()
    shelf = await buffered(index)
    batches: list[int] = []
    upsert = index.upsert
    index.upsert = lambda tenant, entries: (batches.append(len(entries)), upsert(tenant, entries))[1]  # type: ignore[method-assign]
    for n in range(10):
        shelf.put("t", [Entry(f"{n}", VECTOR, int(time.time()))])
        await asyncio.sleep(0.001)
    await shelf.aclose()
    assert batches == [10]


async def test_what_waits_to_be_written_is_found() -> None:
    shelf = await buffered(RecordingIndex())
    shelf.put("t", [Entry("a", VECTOR, 1)])
    assert shelf.unwritten == 1
    assert (await shelf.get("t", ["a", "b"])).keys() == {"a"}
    await shelf.aclose()


async def test_what_could_not_be_written_is_known_to_be_lacking() -> None:
    faults = Faults()
    shelf = await buffered(FullIndex(), faults)
    shelf.put("t", [Entry("a", VECTOR, 1)])
    await shelf.aclose()
    assert faults.counts["writing"] == 1
    assert shelf.lacks("t", "a")


async def test_an_index_that_fails_while_it_is_trimmed_is_left_alone() -> None:
    class Stuck(InMemory):
        def delete(self, keys: object) -> None:
            raise OSError("read only")

    faults = Faults()
    shelf = await buffered(Stuck(), faults)
    shelf.put("t", [Entry(f"{n}", VECTOR, 1) for n in range(TRIM_AFTER)])
    await until(lambda: faults.counts["writing"])
    await shelf.aclose()
    assert faults.counts["writing"] == 1


async def test_a_write_that_failed_is_told_until_one_succeeds() -> None:
    class Once(InMemory):
        tries = 0

        def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
            self.tries += 1
            if self.tries == 1:
                raise OSError(28, "No space left on device")
            super().upsert(tenant, entries)

    faults = Faults()
    shelf = await buffered(Once(), faults)
    shelf.put("t", [Entry("a", VECTOR, 1)])
    await until(lambda: faults.counts["writing"] and not shelf.unwritten)
    assert shelf.loses
    shelf.put("t", [Entry("b", VECTOR, 1)])
    await until(lambda: not shelf.unwritten)
    assert not shelf.loses
    await shelf.aclose()


async def test_what_an_index_begun_anew_has_not_taken_is_written_once_more() -> None:
    class Dying(InMemory):
        tries = 0

        def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
            self.tries += 1
            if self.tries == 1:
                raise VectorIndexError("the index's process has ended")
            super().upsert(tenant, entries)

    index, faults = Dying(), Faults()
    shelf = await buffered(index, faults)
    shelf.put("t", [Entry("a", VECTOR, 1)])
    await shelf.aclose()
    assert index.get("t", ["a"])
    assert faults.counts["writing"] == 0
