"""Remembering decisions: found by the history itself, bounded, and never in a request's way."""

from __future__ import annotations

import asyncio
import logging
import tracemalloc
from collections.abc import Sequence

import pytest
from foveate.proxy.pruning.state_store import (
    Found,
    InMemoryStateStore,
    Record,
    StateKeeper,
    StateStoreError,
    chain,
    moved,
    session_key,
)
from hypothesis import given
from hypothesis import strategies as st

from foveate.policies.types import PruneState
from foveate.proxy.formats.memo import linked

IDS = [f"message {n}" for n in range(8)]
STATE = PruneState(frozenset({(1, -1), (2, 0), (2, 3)}), {5: ((1, -1), (2, 3)), 7: ()})
GUARD = 30.0  # seconds after which something hangs

keys = st.tuples(st.integers(0, 10**6), st.integers(-1, 10**4))
states = st.builds(
    PruneState, st.frozensets(keys), st.dictionaries(st.integers(-1, 10**6), st.lists(keys).map(tuple), max_size=5)
)


def keeper(max_bytes: int = 1 << 20, ttl: float = 3600) -> StateKeeper:
    """Return a keeper with a store in memory."""
    return StateKeeper(InMemoryStateStore(max_bytes, ttl))


class Broken:
    """A store that cannot be asked; it counts who tries."""

    remote = True

    def __init__(self) -> None:
        self.asked = 0

    async def first(self, keys: Sequence[str]) -> tuple[int, bytes] | None:
        self.asked += 1
        raise StateStoreError("Connection refused")

    async def put(self, key: str, value: bytes) -> None:
        self.asked += 1
        raise StateStoreError("Connection refused")

    async def aclose(self) -> None:
        pass


class Silent(Broken):
    """A store that takes questions and never answers."""

    async def first(self, keys: Sequence[str]) -> tuple[int, bytes] | None:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError

    async def put(self, key: str, value: bytes) -> None:
        await self.first([key])


async def test_a_state_is_found_by_the_history_that_grew_out_of_it() -> None:
    states = keeper()
    await states.keep(chain("a", linked([], IDS[:3])), "", IDS[:3], PruneState())
    await states.keep(chain("a", linked([], IDS[:5])), "", IDS[:5], STATE)
    assert await states.find(chain("a", linked([], IDS[:5])), "", IDS[:5]) == Found(5, STATE)
    assert await states.find(chain("a", linked([], IDS)), "", IDS) == Found(5, STATE)
    assert await states.find(chain("a", linked([], IDS[:4])), "", IDS[:4]) == Found(3, PruneState())


async def test_an_edited_history_is_found_up_to_its_edit() -> None:
    states = keeper()
    await states.keep(chain("a", linked([], IDS[:3])), "", IDS[:3], PruneState())
    await states.keep(chain("a", linked([], IDS[:5])), "", IDS[:5], STATE)
    edited = [*IDS[:3], "another", *IDS[4:]]
    assert await states.find(chain("a", linked([], edited)), "", edited) == Found(3, PruneState())
    assert await states.find(chain("a", linked([], ["another", *IDS[1:]])), "", ["another", *IDS[1:]]) is None


async def test_another_key_finds_nothing() -> None:
    states = keeper()
    await states.keep(chain("a", linked([], IDS)), "", IDS, STATE)
    assert await states.find(chain("b", linked([], IDS)), "", IDS) is None


async def test_a_named_session_is_found_whatever_became_of_the_history() -> None:
    states = keeper()
    named = session_key("a", "one")
    await states.keep(chain("a", linked([], IDS)), named, IDS, STATE)
    rewritten = ["a summary", *IDS[1:], "new"]
    found = await states.find(chain("a", linked([], rewritten)), named, rewritten)
    assert found is not None
    assert found.messages == 0
    assert found.state == STATE
    assert await states.find(chain("a", linked([], IDS)), session_key("a", "two"), IDS) is None
    assert await states.find(chain("a", linked([], IDS)), session_key("b", "one"), IDS) is None
    assert await states.find(chain("a", linked([], IDS)), "", IDS) is None


def test_a_rewritten_history_takes_its_decisions_along() -> None:
    record = Record(8, tuple(sorted(STATE.dropped)), tuple(sorted(STATE.recalled.items())), tuple(IDS))
    assert moved(record, ["new", *IDS]).state == PruneState(
        frozenset({(2, -1), (3, 0), (3, 3)}), {6: ((2, -1), (3, 3)), 8: ()}
    )
    assert moved(record, IDS[2:]).state == PruneState(frozenset({(0, 0), (0, 3)}), {3: ((0, 3),), 5: ()})
    assert moved(record, []) == Found(0, PruneState())
    assert moved(record, [*IDS[:6], "else"]).messages == 6


def test_equal_messages_are_followed_in_their_order() -> None:
    record = Record(4, ((1, -1),), (), ("ok", "ok", "ok", "end"))
    assert moved(record, ["new", "ok", "ok", "ok", "end"]).state.dropped == {(2, -1)}
    assert moved(record, ["ok", "end"]).state.dropped == frozenset()


@given(states)
async def test_a_state_comes_back_as_it_was(state: PruneState) -> None:
    states = keeper()
    await states.keep(chain("a", linked([], IDS)), "", IDS, state)
    assert await states.find(chain("a", linked([], IDS)), "", IDS) == Found(8, state)


@pytest.mark.parametrize("value", [b"", b"nonsense", b"\x93\x08", b"\xc1", b"\x94\xa1x\x90\x90\x90", b"{}"])
@pytest.mark.parametrize("session", ["", "one"])
async def test_an_entry_that_does_not_parse_is_dropped(value: bytes, session: str) -> None:
    store = InMemoryStateStore(1 << 20, 3600)
    states = StateKeeper(store)
    links, named = chain("a", linked([], IDS)), session_key("a", session)
    await store.put(named or links[-1], value)
    assert await states.find(links, named, IDS) is None
    await states.keep(links, named, IDS, STATE)
    assert await states.find(links, named, IDS) == Found(8, STATE)


@given(st.binary(max_size=60))
async def test_no_entry_can_make_a_look_up_fail(value: bytes) -> None:
    store = InMemoryStateStore(1 << 20, 3600)
    links = chain("a", linked([], IDS))
    await store.put(links[-1], value)
    found = await StateKeeper(store).find(links, "", IDS)
    assert found is None or found.messages == len(IDS)


async def test_an_entry_of_another_length_is_not_believed() -> None:
    store = InMemoryStateStore(1 << 20, 3600)
    await StateKeeper(store).keep(chain("a", linked([], IDS)), "", IDS, STATE)
    _, value = await store.first([chain("a", linked([], IDS))[-1]]) or (0, b"")
    await store.put(chain("a", linked([], IDS[:3]))[-1], value)
    assert await StateKeeper(store).find(chain("a", linked([], IDS[:3])), "", IDS[:3]) is None


async def test_what_was_used_longest_ago_goes_first() -> None:
    store = InMemoryStateStore(3 * (InMemoryStateStore.OVERHEAD + 10), 3600)
    for name in "abc":
        await store.put(name, b"0123456789")
    assert await store.first(["a"]) == (0, b"0123456789")
    await store.put("d", b"0123456789")
    assert [await store.first([name]) is not None for name in "abcd"] == [True, False, True, True]


async def test_what_lay_unused_for_too_long_is_gone() -> None:
    store = InMemoryStateStore(1 << 20, ttl=-1)
    await store.put("a", b"x")
    assert await store.first(["a"]) is None
    await store.put("b", b"x")
    assert (len(store), store.bytes) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3000)), max_size=40))
async def test_the_store_never_holds_more_than_its_bound_and_knows_what_it_holds(puts: list[tuple[str, int]]) -> None:
    store = InMemoryStateStore(4000, 3600)
    for key, size in puts:
        await store.put(key, b"x" * size)
        assert store.bytes <= 4000
    found = [await store.first([key]) for key in "abcdefgh"]
    assert store.bytes == sum(len(f[1]) + store.OVERHEAD for f in found if f)


async def test_the_memory_it_takes_is_the_memory_it_states() -> None:
    store = InMemoryStateStore(1 << 30, 3600)
    tracemalloc.start()
    for n in range(4000):
        await store.put(f"{n:032x}", bytes(100 + n % 100))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.7 * taken < store.bytes < 2 * taken


@pytest.mark.parametrize("store", [Broken(), Silent()], ids=["down", "slow"])
async def test_a_store_that_fails_is_told_of_once_and_left_alone_for_a_while(
    caplog: pytest.LogCaptureFixture, store: Broken
) -> None:
    states = StateKeeper(store, pause=1000)
    with caplog.at_level(logging.DEBUG, "foveate"):
        async with asyncio.timeout(GUARD):
            for n in range(1, 20):
                assert await states.find(chain("a", linked([], IDS)), "", IDS) is None
                await states.keep(chain("a", linked([], IDS)), "", IDS, PruneState(frozenset({(n, -1)})))
    assert store.asked == 1
    assert states.failures == 1
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "deciding afresh" in caplog.text


@pytest.mark.parametrize("store", [Broken(), Silent()], ids=["down", "slow"])
async def test_a_store_that_fails_is_asked_again_after_the_pause(
    caplog: pytest.LogCaptureFixture, store: Broken
) -> None:
    states = StateKeeper(store, pause=0)
    async with asyncio.timeout(GUARD):
        for _ in range(3):
            assert await states.find(chain("a", linked([], IDS)), "", IDS) is None
    assert store.asked == states.failures == 3
    assert len(caplog.records) == 1


def test_all_that_a_request_waits_for_the_store_is_fifty_milliseconds() -> None:
    assert 2 * StateKeeper.PATIENCE <= 0.05  # one look-up and one note


async def test_an_answer_that_comes_too_late_is_not_lost() -> None:
    gate, kept = asyncio.Event(), InMemoryStateStore(1 << 20, 3600)

    class Late(Broken):
        async def first(self, keys: Sequence[str]) -> tuple[int, bytes] | None:
            return await kept.first(keys)

        async def put(self, key: str, value: bytes) -> None:
            await gate.wait()
            await kept.put(key, value)

    states = StateKeeper(Late(), pause=0)
    await states.keep(chain("a", linked([], IDS)), "", IDS, STATE)
    assert len(kept) == 0
    gate.set()
    await asyncio.sleep(0.001)
    assert await states.find(chain("a", linked([], IDS)), "", IDS) == Found(8, STATE)


async def test_closing_ends_what_still_waits() -> None:
    states = StateKeeper(Silent())
    await states.find(chain("a", linked([], IDS)), "", IDS)
    await states.aclose()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_a_fault_in_the_store_itself_is_not_hidden() -> None:
    class Wrong(Broken):
        async def first(self, keys: Sequence[str]) -> tuple[int, bytes] | None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await StateKeeper(Wrong()).find(chain("a", linked([], IDS)), "", IDS)
