"""States in memory are bounded, by bytes and by age."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from foveate.proxy.pruning.states.in_memory import MIB, InMemoryStates


def store_of(size: int) -> InMemoryStates:
    """Return a store of that many bytes."""
    return InMemoryStates((size + 0.5) / MIB, ttl_hours=1)


async def test_what_was_used_longest_ago_goes_first() -> None:
    store = store_of(3 * (InMemoryStates.OVERHEAD + 10))
    for name in "abc":
        await store.put(name, b"0123456789")
    assert await store.first(["a"]) == (0, b"0123456789")
    await store.put("d", b"0123456789")
    assert [await store.first([name]) is not None for name in "abcd"] == [True, False, True, True]


async def test_the_first_known_key_is_answered_with_its_position() -> None:
    store = store_of(10_000)
    await store.put("b", b"2")
    await store.put("c", b"3")
    assert await store.first(["a", "b", "c"]) == (1, b"2")
    assert await store.first(["a"]) is None
    assert await store.first([]) is None


async def test_what_lay_unused_for_too_long_is_gone() -> None:
    store = InMemoryStates(max_mib=1, ttl_hours=-1)
    await store.put("a", b"x")
    assert await store.first(["a"]) is None
    await store.put("b", b"x")
    assert (len(store), store.bytes) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3000)), max_size=40))
async def test_the_store_never_holds_more_than_its_bound_and_knows_what_it_holds(
    puts: list[tuple[str, int]],
) -> None:
    store = store_of(4000)
    for key, size in puts:
        await store.put(key, b"x" * size)
        assert store.bytes <= 4000
    found = [await store.first([key]) for key in "abcdefgh"]
    assert store.bytes == sum(len(f[1]) + store.OVERHEAD for f in found if f)


async def test_the_memory_it_takes_is_the_memory_it_states() -> None:
    store = store_of(1 << 30)
    tracemalloc.start()
    for n in range(4000):
        await store.put(f"{n:032x}", bytes(100 + n % 100))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.7 * taken < store.bytes < 2 * taken
