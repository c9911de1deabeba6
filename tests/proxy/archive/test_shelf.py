"""The file of memory: found by trails, sealed, bounded."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from foveate.proxy.archive import ArchiveBounds, Trail
from foveate.proxy.archive.archive import end_keys, trail_keys
from foveate.proxy.archive.shelf import NAME, Shelf
from foveate.proxy.errors import ArchiveError
from support.conversations import segment


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path, "a secret of the test's own", ArchiveBounds(days=1, max_bytes=20_000))
    made.open()
    yield made
    made.close()


def some(count: int, name: str = "s") -> list:  # type: ignore[type-arg]
    return [segment(f"{name} said {n}", id=f"{name}{n}") for n in range(count)]


def trail(*ids: str) -> Trail:
    links = ["-".join(ids[: n + 1]) for n in range(len(ids))]
    return Trail("", links, ids)


def test_a_conversation_is_found_by_its_beginning_and_by_its_end(shelf: Shelf) -> None:
    before = trail("a", "b", "c", "d", "e")
    shelf.keep("t", "talk", some(2), end_keys(before))
    grown = trail("a", "b", "c", "d", "e", "f", "g")
    trimmed = trail("b", "c", "d", "e", "f", "g")
    key, found = shelf.follow("t", trail_keys(grown))
    assert (key[:3], found) == ("all", "talk")
    key, found = shelf.follow("t", trail_keys(trimmed))
    assert (key[:3], found) == ("end", "talk")
    assert shelf.follow("u", trail_keys(grown)) == ("", "")
    assert shelf.follow("t", trail_keys(trail("a", "b", "c", "x"))) == ("", "")


def test_chats_that_begin_alike_are_two(shelf: Shelf) -> None:
    shelf.keep("t", "one", some(1), end_keys(trail("hi")))
    shelf.keep("t", "one", some(2), end_keys(trail("hi", "hello", "x")))
    assert shelf.follow("t", trail_keys(trail("hi", "hello", "y"))) == ("", "")


def test_what_is_read_is_in_the_order_that_it_was_said(shelf: Shelf) -> None:
    shelf.keep("t", "talk", some(3), [])
    shelf.keep("t", "talk", [*some(3), *some(2, "later")], [])
    ids = shelf.ids("t", "talk", 10)
    assert ids == ["s0", "s1", "s2", "later0", "later1"]
    assert [s.text for s in shelf.read("t", "talk", ["later0", "s1"])] == ["s said 1", "later said 0"]
    assert [s.segment.id for s in shelf.around("t", ["s2"], 1)] == ["s1", "s2", "later0"]
    assert shelf.ids("t", "talk", 2) == ["later0", "later1"]


def test_rows_cannot_be_swapped(shelf: Shelf, tmp_path: Path) -> None:
    shelf.keep("t", "talk", some(1), [])
    with sqlite3.connect(tmp_path / NAME) as file:
        file.execute("UPDATE segments SET tenant = 'u'")
    with pytest.raises(ArchiveError):
        shelf.read("u", "talk", ["s0"])


def test_what_is_too_old_or_too_much_goes(shelf: Shelf, tmp_path: Path) -> None:
    shelf.keep("t", "old", some(3, "old"), ["trail"])
    with sqlite3.connect(tmp_path / NAME) as file:
        for table in ("segments", "trails"):
            file.execute(f"UPDATE {table} SET last = ?", (int(time.time()) - 2 * 86400,))
    shelf.keep("t", "new", some(200, "new"), [])
    shelf.trim()
    assert shelf.ids("t", "old", 9) == []
    assert shelf.follow("t", ["trail"]) == ("", "")
    left = shelf.ids("t", "new", 999)
    assert 20 < len(left) < 100
    assert left[-1] == "new199", "the latest stay"


def test_what_is_still_sent_is_not_old(shelf: Shelf, tmp_path: Path) -> None:
    shelf.keep("t", "talk", some(3), [])
    with sqlite3.connect(tmp_path / NAME) as file:
        file.execute("UPDATE segments SET last = last - 80000")
    shelf.keep("t", "talk", some(2), [])
    with sqlite3.connect(tmp_path / NAME) as file:
        file.execute("UPDATE segments SET last = last - 10000")
    shelf.trim()
    assert shelf.ids("t", "talk", 9) == ["s0", "s1"]
