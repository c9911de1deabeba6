"""States in a file outlive the process, are shared on a machine, are bounded, and never cost a request."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from foveate.policies.types import PruneState
from foveate.proxy.pruning.memory import Memory
from foveate.proxy.pruning.record import Recollection
from foveate.proxy.pruning.states.in_memory import MIB
from foveate.proxy.pruning.states.sqlite import BATCH, TRIM_AFTER, SqliteStates
from support.sessions import conversation
from support.upstream import until

ROOT = Path(__file__).parents[4]
NAME = "states.sqlite3"


def opened(folder: Path, max_mib: float = 4, ttl_hours: float = 1) -> SqliteStates:
    return SqliteStates(folder, max_mib, ttl_hours)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStates]:
    made = opened(tmp_path)
    yield made
    await made.aclose()


def rows(folder: Path, what: str = "key, value") -> list[tuple[object, ...]]:
    """Return what is in the file."""
    with closing(sqlite3.connect(folder / NAME)) as connection:
        return connection.execute(f"SELECT {what} FROM states").fetchall()


async def kept(folder: Path, *names: str, value: bytes = b"value") -> None:
    """Keep those keys, and close."""
    made = opened(folder)
    for name in names:
        await made.put(name, value)
    await made.aclose()


async def test_what_was_kept_is_found_by_the_next_process(tmp_path: Path) -> None:
    state = PruneState(frozenset({(1, 0, -1)}), {5: ((1, 0, -1),)}, frozenset({(3, 0, -1)}))
    given = Recollection(3, state, "balanced", "gpt-4o", {(4, 0, -1): b"12345678"}, 1000.0, 2.5)
    ids = ["a", "b", "c"]
    first = Memory(opened(tmp_path))
    await first.keep(conversation("whose", ids), given)
    await first.aclose()
    second = Memory(opened(tmp_path))
    assert await second.recall(conversation("whose", [*ids, "d"])) == given
    assert await second.recall(conversation("another", ids)) is None
    await second.aclose()


async def test_the_first_known_key_is_answered_with_its_position(
    store: SqliteStates, tmp_path: Path
) -> None:
    for name in "bc":
        await store.put(name, name.encode())
    until(lambda: len(rows(tmp_path)) == 2)
    other = opened(tmp_path)
    for each in (store, other):
        assert await each.first("abc") == (1, b"b")
        assert await each.first("c") == (0, b"c")
        assert await each.first("a") is None
        assert await each.first("") is None
    await other.aclose()


async def test_the_longest_prefix_is_found_in_histories_of_many_messages(tmp_path: Path) -> None:
    keys = list(conversation("a", [str(n) for n in range(3 * BATCH)]).keys())
    await kept(tmp_path, keys[2 * BATCH + 7], keys[-4])
    store = opened(tmp_path)
    assert await store.first(keys) == (2 * BATCH + 7, b"value")
    await store.put(keys[-1], b"shorter")
    assert await store.first(keys) == (2 * BATCH + 7, b"value")
    assert await store.first(keys[2 * BATCH + 8 :]) == (BATCH - 12, b"value")
    await store.aclose()


async def test_two_stores_on_one_file_see_each_others_states(tmp_path: Path) -> None:
    one, two = opened(tmp_path), opened(tmp_path)
    await one.put("a", b"of one")
    until(lambda: rows(tmp_path))
    assert await two.first(["a"]) == (0, b"of one")
    await two.put("a", b"of two")
    await two.put("longer", b"of two")
    until(lambda: len(rows(tmp_path)) == 2)
    assert await one.first(["longer", "a"]) == (0, b"of two")
    assert await one.first(["a"]) == (0, b"of two")  # not what it has itself put there, which is older
    await one.aclose()
    await two.aclose()


async def test_what_waits_to_be_written_takes_the_place_of_nothing_newer(tmp_path: Path) -> None:
    one, two = opened(tmp_path), opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as busy:
        busy.execute("BEGIN IMMEDIATE")
        await one.put("a", b"earlier")
        await two.put("a", b"later")
        assert await one.first(["a"]) == (0, b"earlier")
        busy.execute("COMMIT")
    await two.aclose()
    await one.aclose()
    assert rows(tmp_path) == [("a", b"later")]


async def test_what_lay_unused_for_too_long_is_gone(tmp_path: Path) -> None:
    await kept(tmp_path, "a")
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as connection:
        connection.execute("UPDATE states SET used = ?", (time.time() - 2 * 3600,))
    store = opened(tmp_path, ttl_hours=1)
    assert await store.first(["a"]) is None
    for n in range(TRIM_AFTER + 1):
        await store.put(f"new {n}", b"x")
    await store.aclose()
    assert ("a", b"value") not in rows(tmp_path)
    assert len(rows(tmp_path)) == TRIM_AFTER + 1


async def test_the_file_never_holds_much_more_than_its_bound_and_the_oldest_go_first(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path, max_mib=0.2)
    count = 4 * TRIM_AFTER
    for n in range(count):
        await store.put(f"{n:05}", secrets.token_bytes(600))
    await store.aclose()
    left = sorted(str(key) for (key,) in rows(tmp_path, "key"))
    assert left[-1] == f"{count - 1:05}"
    assert left == [f"{n:05}" for n in range(count - len(left), count)]
    assert len(left) * 655 < 0.2 * MIB + (TRIM_AFTER + BATCH) * 655


async def test_no_text_is_written(tmp_path: Path) -> None:
    memory = Memory(opened(tmp_path))
    state = PruneState(frozenset({(0, 0, -1)}))
    await memory.keep(
        conversation("whose", ["deadbeef"], session="my name"), Recollection(1, state, "balanced")
    )
    await memory.aclose()
    assert b"my name" not in (tmp_path / NAME).read_bytes()


async def lives_in_memory(store: SqliteStates) -> None:
    """Find what was kept, as long as the store lives."""
    await store.put("a", b"1")
    assert await store.first(["b", "a"]) == (1, b"1")
    await store.put("a", b"2")
    assert await store.first(["a"]) == (0, b"2")
    await store.aclose()


@pytest.mark.parametrize(
    "what", ["a file in place of the folder", "a folder in place of the file", "not a database"]
)
async def test_a_file_that_cannot_be_opened_costs_no_more_than_its_decisions_at_a_restart(
    what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data"
    if what == "a file in place of the folder":
        folder.write_bytes(b"")
    elif what == "a folder in place of the file":
        (folder / NAME).mkdir(parents=True)
    else:
        folder.mkdir()
        (folder / NAME).write_bytes(b"no database at all, and long enough to be read as one" * 100)
    with caplog.at_level(logging.WARNING, "foveate.memory"):
        await lives_in_memory(opened(folder))
    assert len(caplog.records) == 1
    assert "until a restart only" in caplog.text


async def test_a_file_that_cannot_be_written_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(tmp_path / "data")
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "data").write_bytes(b"")
    with caplog.at_level(logging.WARNING, "foveate.memory"):
        for n in range(5):
            await store.put(str(n), b"x")
            assert await store.first([str(n)]) == (0, b"x")
        await lives_in_memory(store)
    assert len(caplog.records) == 1
    assert "not written" in caplog.text


def emptied(folder: Path) -> None:
    """Take away all that a folder holds."""
    shutil.rmtree(folder)
    folder.mkdir()


async def test_a_file_that_was_taken_away_is_made_anew(tmp_path: Path) -> None:
    store = opened(tmp_path)
    emptied(tmp_path)
    await lives_in_memory(store)
    assert rows(tmp_path) == [("a", b"2")]


async def test_a_file_that_breaks_while_it_is_used_leaves_what_is_in_memory(tmp_path: Path) -> None:
    store = opened(tmp_path)
    await store.put("a", b"1")
    until(lambda: rows(tmp_path))
    with closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as connection:
        connection.execute("DROP TABLE states")
    assert await store.first(["b", "a"]) == (1, b"1")
    memory = Memory(store)
    assert await memory.recall(conversation("whose", ["unknown"])) is None
    assert memory.failures == 1
    await memory.aclose()


WRITER = """
import asyncio, sys
from pathlib import Path
from foveate.proxy.pruning.states.sqlite import SqliteStates

async def write():
    store = SqliteStates(Path(sys.argv[1]), 64, 1)
    n = 0
    while True:
        await store.put(str(n), b"x" * 2000)
        n += 1
        await asyncio.sleep(0.0005)

asyncio.run(write())
"""


def write_and_die(folder: Path) -> None:
    """Have another process write, and kill it in the middle of that."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".package")}
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], env=environment)
    try:
        until(lambda: len(rows(folder, "key")) > 50)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()


async def test_a_writer_that_is_killed_leaves_a_file_that_others_go_on_with(tmp_path: Path) -> None:
    beside = opened(tmp_path)
    write_and_die(tmp_path)
    count = len(rows(tmp_path, "key"))
    after = opened(tmp_path)
    for store in (beside, after):
        assert await store.first(["0"]) == (0, b"x" * 2000)
        await store.put("mine", b"y")
        await store.aclose()
    assert len(rows(tmp_path, "key")) == count + 1
