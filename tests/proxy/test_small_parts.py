"""The cache, recent outcomes, headers, overrides and windows."""

from __future__ import annotations

import logging

import pytest

from foveate.policies.prune import sticky
from foveate.policies.types import Budget, PruneState
from foveate.proxy.cache import Cache
from foveate.proxy.config import schema as config
from foveate.proxy.errors import RequestError
from foveate.proxy.http import overrides
from foveate.proxy.http.headers import end_to_end, outgoing
from foveate.proxy.observers.recent import Recent
from foveate.proxy.pruning.outcome import Ledger, Outcome
from foveate.proxy.pruning.windows import Window, Windows
from foveate.proxy.upstreams.echo import Echo
from foveate.proxy.upstreams.http import Http
from support.conversations import body
from support.deciding import read


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
    assert (cache.space("x").get("a"), cache.space("y", 1).get("a"), cache.space("y", 2).get("a")) == (1, 2, None)
    assert len(cache) == 2


def test_the_cache_never_holds_more_than_its_bound() -> None:
    cache = Cache(100)
    spaces = cache.space("x"), cache.space("y")
    for n in range(2000):
        space = spaces[n % 2]
        space.put(n % 37, n, size=n % 60)
        space.get(n % 31)
        assert cache.bytes <= 100
        assert cache.bytes == sum(size for s in spaces for kept in (s.young, s.old) for _, size in kept.values())
    spaces[0].put("huge", 1, size=51)
    assert spaces[0].get("huge") is None


def test_recent_outcomes_are_bounded_and_replaced() -> None:
    recent = Recent(2)
    for key, status in (("a", 0), ("b", 0), ("a", 200), ("c", 0)):
        recent.put(Outcome(id=key, created=0, result="off", policy="p", status=status))
    kept = {key: found.status for key in "abc" if (found := recent.get(key))}
    assert len(kept) == 2
    assert "c" in kept


def test_long_histories_leave_room_for_fewer_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = read(body([{"role": "user", "content": f"number {n}"} for n in range(50)]))
    ledger = Ledger(sticky(parsed.segments, PruneState()), [place.items for place in parsed.places])
    monkeypatch.setattr("foveate.proxy.observers.recent.MAX_LEDGERS", 3 * len(ledger.packed()))
    found = Recent(100)
    for n in range(10):
        found.put(Outcome(id=str(n), created=0, result="untouched", policy="p"), ledger)
    assert [n for n in range(10) if found.get(str(n))] == [7, 8, 9]
    found.put(Outcome(id="small", created=0, result="untouched", policy="p"))
    assert len(found) == 4


def test_headers_of_one_hop_are_taken_out_in_any_case() -> None:
    given = [
        (b"Connection", b"close, X-Mine"),
        (b"x-mine", b"1"),
        (b"TE", b"x"),
        (b"Keep-Alive", b"5"),
        (b"accept", b"*"),
    ]
    assert end_to_end(given) == [(b"accept", b"*")]


def test_our_own_headers_do_not_go_out() -> None:
    given = [
        (b"x-pruning", b"on"),
        (b"x-pruning-budget", b"1"),
        (b"host", b"h"),
        (b"content-length", b"3"),
        (b"a", b"b"),
    ]
    assert outgoing(given) == [(b"a", b"b")]


@pytest.mark.parametrize(
    ("value", "budget"), [("16000", Budget(16000, 16000)), ("16000/8000", Budget(16000, 8000)), ("1/1", Budget(1, 1))]
)
def test_a_budget_is_read(value: str, budget: Budget) -> None:
    assert overrides.read([(b"x-pruning-budget", value.encode())], {"p"}).budget == budget


def test_no_headers_leave_all_to_the_settings() -> None:
    assert overrides.read([(b"accept", b"*")], {"p"}) == overrides.Overrides()


def test_a_refused_header_is_a_400() -> None:
    with pytest.raises(RequestError, match="X-Pruning-Policy: 'x' is not allowed; send one of p, q") as caught:
        overrides.read([(b"x-pruning-policy", b"x")], {"q", "p"})
    assert caught.value.status == 400


def windows(**models: int) -> Windows:
    return Windows(config.Window(models=models, default=5000), config.Budget(), Echo())


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("mine", Window(1234, "config")), ("openai/mine", Window(1234, "config")), ("a/b/mine", Window(1234, "config")),
        ("ft:mine:org::1", Window(1234, "config")), ("gpt-4o", Window(128_000, "litellm")),
        ("ft:gpt-4o-mini-2024-07-18:org::1", Window(128_000, "litellm")), ("nobody-knows", Window(5000, "default")),
        ("", Window(5000, "default")),
    ],
)  # fmt: skip
def test_a_window_comes_from_the_settings_then_the_table_then_the_default(model: str, window: Window) -> None:
    assert windows(mine=1234).known(model) == window


def test_an_unknown_window_is_warned_of_once_a_model(caplog: pytest.LogCaptureFixture) -> None:
    found = windows()
    with caplog.at_level(logging.WARNING):
        for model in ("unheard-of", "unheard-of", "another"):
            found.known(model)
    assert [("unheard-of" in r.getMessage(), "window.models" in r.getMessage()) for r in caplog.records] == [
        (True, True),
        (False, True),
    ]


@pytest.mark.parametrize(
    ("reserved", "budget"),
    [(None, Budget(810, 540)), (200, Budget(720, 480)), (5000, Budget(450, 300)), (500, Budget(450, 300))],
)
def test_the_budget_is_a_share_of_what_the_answer_leaves(reserved: int | None, budget: Budget) -> None:
    assert windows().budget(Window(1000, "config"), reserved) == budget


@pytest.mark.parametrize(
    ("base", "path", "address"),
    [
        ("https://api.x.com/v1", "/v1/models", "https://api.x.com/v1/models"),
        ("https://api.x.com/v1/", "/v1/models?a=b", "https://api.x.com/v1/models?a=b"),
        ("https://api.x.com/v1", "/v1", "https://api.x.com/v1"),
        ("https://api.x.com/v1", "/health", "https://api.x.com/health"),
        ("https://x.com/openai", "/v1/models", "https://x.com/openai/models"),
        ("https://api.x.com/v1", "/v11/x", "https://api.x.com/v11/x"),
        ("https://api.x.com/v1", "/v1?x=/v1/", "https://api.x.com/v1?x=/v1/"),
    ],
)
def test_a_path_is_served_under_the_base_address(base: str, path: str, address: str) -> None:
    assert str(Http(base).address(path)) == address


def test_equal_messages_are_worked_on_once_and_differently_split_ones_apart() -> None:
    long = {"role": "user", "content": "words of a line\n\n" * 200}
    one, other = (read(body([long, {"role": "user", "content": "?"}]), split_over=size) for size in (200, 10**6))
    assert len(one.segments) > len(other.segments) == 2
