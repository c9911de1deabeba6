"""What was worked out once is kept within a bound."""

from __future__ import annotations

from foveate.proxy.cache import Cache


def test_the_cache_gives_back_what_was_put() -> None:
    space = Cache(100).space("x")
    space.put("a", 1, size=10)
    assert space.get("a") == 1
    assert space.get("b") is None
    assert space.get_all(["b", "a"]) == [None, 1]


def test_the_cache_drops_what_was_not_asked_for_since_half_of_it_was_filled() -> None:
    space = Cache(60).space("x")
    for key in "abc":
        space.put(key, key, size=10)
    space.put("d", "d", size=10)
    assert space.get("a") == "a"
    space.put("e", "e", size=10)
    space.put("f", "f", size=10)
    assert space.get_all("abcdef") == ["a", None, None, "d", "e", "f"]


def test_a_key_of_one_kind_is_none_of_another() -> None:
    cache = Cache(100)
    cache.space("x").put("a", 1, size=10)
    cache.space("y", 1).put("a", 2, size=10)
    assert (cache.space("x").get("a"), cache.space("y", 1).get("a"), cache.space("y", 2).get("a")) == (
        1,
        2,
        None,
    )
    assert len(cache) == 2


def test_the_cache_never_holds_more_than_its_bound() -> None:
    cache = Cache(100)
    spaces = cache.space("x"), cache.space("y")
    for n in range(2000):
        space = spaces[n % 2]
        space.put(n % 37, n, size=n % 60)
        space.get(n % 31)
        assert cache.bytes <= 100
        assert cache.bytes == sum(
            size for s in spaces for kept in (s.young, s.old) for _, size in kept.values()
        )
    spaces[0].put("huge", 1, size=51)
    assert spaces[0].get("huge") is None
