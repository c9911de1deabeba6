"""The latest outcomes, and what is kept of their requests."""

from __future__ import annotations

import pytest

from foveate.policies.types import PruneState, Selection
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.observers.recent import Recent
from foveate.proxy.pruning.outcome import Ledger, Outcome
from foveate.proxy.pruning.request import Request
from support.conversations import body
from support.deciding import CHAT, read


def test_recent_outcomes_are_bounded_and_replaced() -> None:
    recent = Recent(2)
    for key, status in (("a", 0), ("b", 0), ("a", 200), ("c", 0)):
        recent.put(Outcome(id=key, created=0, result="off", policy="p", status=status))
    kept = {key: found.status for key in "abc" if (found := recent.get(key))}
    assert len(kept) == 2
    assert "c" in kept


def test_long_histories_leave_room_for_fewer_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = read(body([{"role": "user", "content": f"number {n}"} for n in range(50)]))
    ledger = Ledger(
        Selection(parsed.segments, PruneState(), False),
        [place.items for place in parsed.places],
        parsed.desk,
        parsed.query,
    )
    monkeypatch.setattr("foveate.proxy.observers.recent.MAX_LEDGERS", 3 * len(ledger.packed()))
    found = Recent(100)
    for n in range(10):
        found.put(Outcome(id=str(n), created=0, result="untouched", policy="p"), ledger)
    assert [n for n in range(10) if found.get(str(n))] == [7, 8, 9]
    found.put(Outcome(id="small", created=0, result="untouched", policy="p"))
    assert len(found) == 4


def kept(recent: Recent, n: int, size: int) -> str:
    """Put an outcome with a request of so many bytes."""
    request = Request(CHAT, b"x" * size, Overrides(), "tenant")
    recent.put(Outcome(id=str(n), created=0, result="cut", policy="p"), request=request)
    return str(n)


def test_the_oldest_text_goes_first_and_its_outcome_stays() -> None:
    recent = Recent(10, max_text_bytes=1000)
    keys = [kept(recent, n, 400) for n in range(4)]
    assert [recent.request(k) is not None for k in keys] == [False, False, True, True]
    assert all(recent.get(k) for k in keys)
    assert 800 <= recent.text_bytes <= 1000


def test_the_oldest_outcome_goes_with_its_text() -> None:
    recent = Recent(2, max_text_bytes=10_000)
    keys = [kept(recent, n, 100) for n in range(3)]
    assert [recent.get(k) is not None for k in keys] == [False, True, True]
    assert 200 <= recent.text_bytes < 300


def test_one_text_larger_than_all_is_not_kept() -> None:
    recent = Recent(5, max_text_bytes=100)
    assert recent.request(kept(recent, 1, 1000)) is None
    assert recent.text_bytes == 0
