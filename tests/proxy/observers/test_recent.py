"""The latest outcomes, and what is kept of their requests."""

from __future__ import annotations

import logging
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pytest

from foveate.policies.types import Budget, PruneState, Selection
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.observers.recent import Recent
from foveate.proxy.observers.store.row import row_of
from foveate.proxy.observers.store.sought import Sought
from foveate.proxy.observers.store.sqlite import SqliteOutcomes, StoreBounds, StoreEntry
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
    monkeypatch.setattr(
        "foveate.proxy.observers.recent.MAX_LEDGERS", 3 * len(zlib.compress(ledger.packed(), 1))
    )
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


def outcome(n: int, **more: Any) -> Outcome:
    told: dict[str, Any] = {"result": "cut", "policy": "p", "status": 200, "model": "gpt-4o", **more}
    return Outcome(id=f"prn-{n}", created=1000 + n, **told)


def test_outcomes_outlive_the_process_and_are_shared_by_others(tmp_path: Path) -> None:
    one, two = Recent(10, 1000, tmp_path), Recent(10, 1000, tmp_path)
    request = Request(CHAT, b'{"a": 1}', Overrides(budget=Budget(9, 5), session="s"), "tenant")
    one.put(outcome(1), request=request)
    assert one.get("prn-1") == outcome(1)  # whoever asks sees what was put
    assert two.get("prn-1") == outcome(1)
    two.put(outcome(2))
    assert two.get("prn-2") is not None
    serials = [found.serial for found in one.find(Sought())]
    assert serials == sorted(set(serials))
    assert len(serials) == 2
    assert one.epoch == two.epoch
    one.close()
    two.close()
    again = Recent(10, 1000, tmp_path)
    assert [found.outcome.id for found in again.find(Sought())] == ["prn-1", "prn-2"]
    kept = again.request("prn-1")
    assert kept is not None
    assert (kept.body, kept.overrides, kept.tenant) == (request.body, request.overrides, "tenant")
    again.close()
    assert (tmp_path / "outcomes.sqlite3").stat().st_mode & 0o077 == 0


def test_text_is_on_disk_only_where_it_is_asked_for(tmp_path: Path) -> None:
    for text_bytes in (0, 10_000):
        folder = tmp_path / str(text_bytes)
        recent = Recent(10, text_bytes, folder)
        recent.put(outcome(1), request=Request(CHAT, b"a secret word", Overrides(), "tenant"))
        recent.close()
        written = b"".join(path.read_bytes() for path in folder.iterdir())
        assert (b"a secret word" in written) is (text_bytes > 0)


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ({}, [0, 1, 2, 3]),
        ({"result": "failed"}, [3]),
        ({"model": "gpt-4o"}, [0, 2, 3]),
        ({"policy": "q"}, [2]),
        ({"api": "messages"}, [1]),
        ({"caller": "ada"}, [2]),
        ({"conversation": "talk"}, [0, 1]),
        ({"status": "200"}, [0, 2, 3]),
        ({"status": "5xx"}, [1]),
        ({"status": "failed"}, [1, 3]),
        ({"after": 1001}, [1, 2, 3]),
        ({"before": 1002}, [0, 1]),
        ({"since": 2}, [2, 3]),
        ({"older": 3, "limit": 1}, [1]),
        ({"text": "ZÜRICH 2"}, [2]),
        ({"text": "nowhere"}, []),
    ],
)
def test_outcomes_are_found_by_what_they_are(sought: dict[str, Any], found: list[int]) -> None:
    recent = Recent(10, 100_000)
    rows: list[dict[str, Any]] = [
        {"conversation": "talk"},
        {"conversation": "talk", "model": "other", "api": "messages", "status": 502},
        {"policy": "q", "caller": "ada"},
        {"result": "failed"},
    ]
    for n, more in enumerate(rows):
        text = f'Zürich {n}\n"quoted"'
        parsed = read(body([{"role": "user", "content": text}]))
        selection = Selection(parsed.segments, PruneState(), False)
        places = [place.items for place in parsed.places]
        ledger = Ledger(selection, places, parsed.desk, parsed.query)
        recent.put(outcome(n, **more), ledger, Request(CHAT, b"{}", Overrides(), "tenant"))
    assert [f.outcome.created - 1000 for f in recent.find(Sought(**sought))] == found


def test_a_conversation_is_summed_up_over_all_its_requests() -> None:
    recent = Recent(10)
    for n, result in enumerate(("untouched", "cut", "sticky")):
        told = {
            "conversation": "talk",
            "tokens_before": 100 * n,
            "tokens_after": 50 * n,
            "tokens_prefix": 10 * n,
        }
        recent.put(outcome(n, result=result, **told))
    recent.put(outcome(3, conversation="other", status=502, tokens_before=9, tokens_after=9))
    recent.put(outcome(4))
    other, talk = recent.conversations(Sought())
    assert (other["conversation"], other["problems"], other["requests"]) == ("other", 1, 1)
    assert (talk["requests"], talk["cuts"], talk["before"], talk["prefix"]) == (3, 1, 200, 30)
    assert (talk["first"], talk["last"]) == (1000, 1002)
    assert recent.totals(Sought())["conversations"] == 2
    assert [c["conversation"] for c in recent.conversations(Sought(result="sticky"))] == ["talk"]
    assert [c["conversation"] for c in recent.conversations(Sought(older=other["serial"]))] == ["talk"]


def test_a_file_that_is_none_of_ours_costs_no_request(tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "outcomes.sqlite3").write_bytes(b"no database" * 200)
    recent = Recent(10, 0, tmp_path)
    recent.put(outcome(1))
    assert recent.get("prn-1") is not None
    assert caplog.text.count("until a restart only") == 1


def test_a_file_that_cannot_be_written_is_told_once_until_it_can_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "outcomes.sqlite3"
    entries = [StoreEntry(row_of(Outcome(id="a", created=0, result="cut", policy="p"), ""))]
    store = SqliteOutcomes(path, StoreBounds(100, 10**6, 10**6))
    hog = sqlite3.connect(path, isolation_level=None)
    store._made.execute("PRAGMA busy_timeout = 1")
    hog.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            store.put(entries)
        assert len([r for r in caplog.records if "not kept" in r.getMessage()]) == 1
        hog.execute("ROLLBACK")
        store.put(entries)
        hog.execute("BEGIN IMMEDIATE")
        store.put(entries)
    assert len([r for r in caplog.records if "not kept" in r.getMessage()]) == 2
