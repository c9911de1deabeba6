"""Remembering decisions: found by the history itself, and never in a request's way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.policies.types import PruneState
from foveate.proxy.errors import StateStoreError
from foveate.proxy.pruning.memory import Memory
from foveate.proxy.pruning.record import Recollection, Record, in_parts, moved
from foveate.proxy.pruning.states.in_memory import InMemoryStates
from support.conversations import segment
from support.sessions import conversation

IDS = [f"message {n}" for n in range(8)]
STATE = PruneState(
    frozenset({(1, 0, -1), (2, 0, 0), (2, 0, 3)}), {5: ((1, 0, -1), (2, 0, 3)), 7: ()}
)  # fmt: skip
GUARD = 30.0  # seconds after which something hangs

keys = st.tuples(st.integers(0, 10**6), st.integers(0, 20), st.integers(-1, 10**4))
states = st.builds(
    PruneState,
    st.frozensets(keys),
    st.dictionaries(st.integers(-1, 10**6), st.lists(keys).map(tuple), max_size=5),
)


def in_memory() -> InMemoryStates:
    return InMemoryStates(max_mib=1, ttl_hours=1)


def known(items: int, state: PruneState = STATE) -> Recollection:
    """What is kept, and what is found."""
    return Recollection(items, state, "balanced" if state.dropped else "")


class Broken:
    """A store that cannot be asked; it counts who tries."""

    remote = True

    def __init__(self) -> None:
        self.asked = 0

    async def first(self, keys: Iterable[str]) -> tuple[int, bytes] | None:
        self.asked += 1
        raise StateStoreError("Connection refused")

    async def put(self, key: str, value: bytes) -> None:
        self.asked += 1
        raise StateStoreError("Connection refused")

    async def aclose(self) -> None:
        pass


class Silent(Broken):
    """A store that takes questions and never answers."""

    async def first(self, keys: Iterable[str]) -> tuple[int, bytes] | None:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError

    async def put(self, key: str, value: bytes) -> None:
        await self.first([key])


async def test_a_state_is_found_by_the_history_that_grew_out_of_it() -> None:
    memory = Memory(in_memory())
    await memory.keep(conversation("a", IDS[:3]), known(3, PruneState()))
    await memory.keep(conversation("a", IDS[:5]), known(5))
    assert await memory.recall(conversation("a", IDS[:5])) == known(5)
    assert await memory.recall(conversation("a", IDS)) == known(5)
    assert await memory.recall(conversation("a", IDS[:4])) == known(3, PruneState())


async def test_an_edited_history_is_found_up_to_its_edit() -> None:
    memory = Memory(in_memory())
    await memory.keep(conversation("a", IDS[:3]), known(3, PruneState()))
    await memory.keep(conversation("a", IDS[:5]), known(5))
    assert await memory.recall(conversation("a", [*IDS[:3], "another", *IDS[4:]])) == known(
        3, PruneState()
    )
    assert await memory.recall(conversation("a", ["another", *IDS[1:]])) is None


async def test_another_key_finds_nothing() -> None:
    memory = Memory(in_memory())
    await memory.keep(conversation("a", IDS), known(8))
    assert await memory.recall(conversation("b", IDS)) is None


async def test_who_has_cut_is_remembered_with_the_cut() -> None:
    memory = Memory(in_memory())
    await memory.keep(conversation("a", IDS[:5]), Recollection(5, STATE, "agent"))
    found = await memory.recall(conversation("a", IDS))
    assert found is not None
    assert found.policy == "agent"
    await memory.keep(conversation("a", IDS), found)
    assert await memory.recall(conversation("a", IDS)) == Recollection(8, STATE, "agent")


async def test_a_history_without_items_is_neither_kept_nor_found() -> None:
    store = in_memory()
    memory = Memory(store)
    await memory.keep(conversation("a", []), known(0, PruneState()))
    assert len(store) == 0
    assert await memory.recall(conversation("a", [])) is None


async def test_a_named_session_is_found_whatever_became_of_the_history() -> None:
    memory = Memory(in_memory())
    await memory.keep(conversation("a", IDS, "one"), known(8))
    rewritten = ["a summary", *IDS[1:], "new"]
    assert await memory.recall(conversation("a", rewritten, "one")) == known(0)
    assert await memory.recall(conversation("a", IDS, "two")) is None
    assert await memory.recall(conversation("b", IDS, "one")) is None
    assert await memory.recall(conversation("a", IDS)) is None


def test_a_rewritten_history_takes_its_decisions_along() -> None:
    record = Record(
        8, "p", tuple(sorted(STATE.dropped)), tuple(sorted(STATE.recalled.items())), tuple(IDS)
    )
    assert moved(record, ["new", *IDS]).state == PruneState(
        frozenset({(2, 0, -1), (3, 0, 0), (3, 0, 3)}), {6: ((2, 0, -1), (3, 0, 3)), 8: ()}
    )
    assert moved(record, IDS[2:]).state == PruneState(
        frozenset({(0, 0, 0), (0, 0, 3)}), {3: ((0, 0, 3),), 5: ()}
    )
    assert moved(record, []) == Recollection(0, PruneState(), "p")
    assert moved(record, [*IDS[:6], "else"]).items == 6


def test_equal_messages_are_followed_in_their_order() -> None:
    record = Record(4, "p", ((1, 0, -1),), (), ("ok", "ok", "ok", "end"))
    assert moved(record, ["new", "ok", "ok", "ok", "end"]).state.dropped == {(2, 0, -1)}
    assert moved(record, ["ok", "end"]).state.dropped == frozenset()


@given(states)
async def test_a_state_comes_back_as_it_was(state: PruneState) -> None:
    memory = Memory(in_memory())
    await memory.keep(conversation("a", IDS), known(8, state))
    assert await memory.recall(conversation("a", IDS)) == known(8, state)


@pytest.mark.parametrize(
    "value", [b"", b"nonsense", b"\x93\x08", b"\xc1", b"\x94\xa1x\x90\x90\x90", b"{}"]
)
@pytest.mark.parametrize("session", ["", "one"])
async def test_an_entry_that_does_not_parse_is_dropped(value: bytes, session: str) -> None:
    store = in_memory()
    memory = Memory(store)
    talk = conversation("a", IDS, session)
    await store.put(next(talk.keys()), value)
    assert await memory.recall(talk) is None
    await memory.keep(talk, known(8))
    assert await memory.recall(talk) == known(8)


@given(st.binary(max_size=60))
async def test_no_entry_can_make_a_look_up_fail(value: bytes) -> None:
    store = in_memory()
    await store.put(next(conversation("a", IDS).keys()), value)
    found = await Memory(store).recall(conversation("a", IDS))
    assert found is None or found.items == len(IDS)


async def test_an_entry_of_another_length_is_not_believed() -> None:
    store = in_memory()
    await Memory(store).keep(conversation("a", IDS), known(8))
    _, value = await store.first([next(conversation("a", IDS).keys())]) or (0, b"")
    await store.put(next(conversation("a", IDS[:3]).keys()), value)
    assert await Memory(store).recall(conversation("a", IDS[:3])) is None


@pytest.mark.parametrize("store", [Broken(), Silent()], ids=["down", "slow"])
async def test_a_store_that_fails_is_told_of_once_and_left_alone_for_a_while(
    caplog: pytest.LogCaptureFixture, store: Broken
) -> None:
    memory = Memory(store, pause=1000)
    with caplog.at_level(logging.DEBUG, "foveate"):
        async with asyncio.timeout(GUARD):
            for n in range(1, 20):
                assert await memory.recall(conversation("a", IDS)) is None
                await memory.keep(conversation("a", IDS), known(8, PruneState(frozenset({(n, 0, -1)}))))
    assert store.asked == 1
    assert memory.failures == 1
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "deciding afresh" in caplog.text


@pytest.mark.parametrize("store", [Broken(), Silent()], ids=["down", "slow"])
async def test_a_store_that_fails_is_asked_again_after_the_pause(
    caplog: pytest.LogCaptureFixture, store: Broken
) -> None:
    memory = Memory(store, pause=0)
    async with asyncio.timeout(GUARD):
        for _ in range(3):
            assert await memory.recall(conversation("a", IDS)) is None
    assert store.asked == memory.failures == 3
    assert len(caplog.records) == 1


async def test_a_store_of_this_process_that_fails_costs_a_fresh_decision(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Broken()
    store.remote = False
    memory = Memory(store)
    for _ in range(3):
        assert await memory.recall(conversation("a", IDS)) is None
        await memory.keep(conversation("a", IDS), known(8))
    assert memory.failures == 6
    assert len(caplog.records) == 1


async def test_an_answer_that_comes_too_late_is_not_lost() -> None:
    gate, kept = asyncio.Event(), in_memory()

    class Late(Broken):
        async def first(self, keys: Iterable[str]) -> tuple[int, bytes] | None:
            return await kept.first(keys)

        async def put(self, key: str, value: bytes) -> None:
            await gate.wait()
            await kept.put(key, value)

    memory = Memory(Late(), pause=0)
    await memory.keep(conversation("a", IDS), known(8))
    assert len(kept) == 0
    gate.set()
    await asyncio.sleep(0.001)
    assert await memory.recall(conversation("a", IDS)) == known(8)


async def test_closing_ends_what_still_waits() -> None:
    memory = Memory(Silent())
    await memory.recall(conversation("a", IDS))
    await memory.aclose()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


def test_a_message_that_was_left_out_whole_is_left_out_in_its_parts() -> None:
    split = [
        segment(key=key) for key in [(0, 0, -1), (1, 0, 0), (1, 0, 1), (2, 0, 0), (2, 0, 3), (3, 0, 0)]
    ]
    assert in_parts(known(8), split).state.dropped == {(1, 0, 0), (1, 0, 1), (2, 0, 0), (2, 0, 3)}


def test_decisions_on_messages_that_are_as_they_were_are_the_same() -> None:
    recalled = known(8)
    assert in_parts(recalled, [segment(key=(1, 0, -1)), segment(key=(2, 0, 0))]) is recalled
    assert in_parts(recalled, [segment(key=(2, 0, 0))]) is recalled
