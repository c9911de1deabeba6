"""States in a file beside the index: decisions outlive the process, and other processes of this machine
find them.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import struct
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from foveate.proxy.errors import StateStoreError
from foveate.proxy.pruning.states.board import Board
from foveate.proxy.pruning.states.in_memory import MIB, InMemoryStates

_log = logging.getLogger("foveate.memory")
BATCH = 200  # keys asked for at once, the longest prefixes first
TRIM_AFTER = 500  # writes
GATHER_SHARED = 0.002  # the same where an answer waits for it
GATHER = 0.05  # seconds until what came meanwhile is written: one commit for many requests
STAMP = struct.Struct(">d")  # ahead of a value in memory: seconds since the epoch
SCHEMA = """
CREATE TABLE IF NOT EXISTS states (key TEXT PRIMARY KEY, used REAL NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_use ON states (used);
"""
# Another process may have written the same key since this one was kept.
KEEP = """
INSERT INTO states VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET used = excluded.used, value = excluded.value WHERE excluded.used >= used
"""


class _Kept(NamedTuple):
    """A value that was found: its key's position among those asked for, and when it was put."""

    position: int
    used: float  # seconds since the epoch
    value: bytes


class _Writer:
    """The connection that writes, opened anew where the file has been taken away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: sqlite3.Connection | None = None
        self._file = 0  # its inode

    def connection(self) -> sqlite3.Connection:
        """Return a connection to the file that is at the path now; sqlite3.Error without one."""
        if self._open is not None and self._path.exists() and self._path.stat().st_ino == self._file:
            return self._open
        self.close()
        self._open = opened = sqlite3.connect(self._path, timeout=5, check_same_thread=False)
        opened.execute("PRAGMA synchronous=NORMAL")
        opened.executescript(SCHEMA)
        self._file = self._path.stat().st_ino
        return opened

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            self._open.close()
            self._open = None


class SqliteStates:
    """Least recently used first out beyond `max_mib`; nothing lives longer than `ttl_hours` unused.

    The latest are in memory too. Written behind, in a thread: a request waits for no disk. A file that
    cannot be opened or written costs its decisions a restart, and no more.
    """

    remote = False

    def __init__(self, folder: Path, max_mib: float, ttl_hours: float, shared: bool = False) -> None:
        self.shared = shared
        self._path = folder / "states.sqlite3"
        self._max_bytes = int(max_mib * MIB)
        self._ttl = ttl_hours * 3600
        self._latest = InMemoryStates(max_mib / 4, ttl_hours)
        self._thread = ThreadPoolExecutor(1, "states")
        self._pending: deque[tuple[str, float, bytes]] = deque()
        self._put = self._settled = 0  # values, as many as were put and as have been written
        self._awaited: deque[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()
        self._gather = GATHER_SHARED if shared else GATHER
        self._written = 0
        self._warned = False
        self._reader = self._opened()
        self._writer = _Writer(self._path)
        self._board = Board(folder / "shared.sqlite3")

    async def first(self, keys: Iterable[str]) -> tuple[int, bytes] | None:
        """Return the position and value of the first known key."""
        start = 0
        for batch in in_batches(keys):
            if start:  # a long history that nobody knows is looked up while others are served
                await asyncio.sleep(0)
            held = await self._held(batch)
            found = self._newer(batch, held)
            if found is not None:
                return start + found.position, found.value
            start += len(batch)
        return None

    async def put(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`."""
        now = time.time()
        await self._latest.put(key, STAMP.pack(now) + value)
        if self._reader is None:
            return
        self._put += 1
        self._pending.append((key, now, value))
        if len(self._pending) == 1:  # else whoever writes now takes it along
            self._thread.submit(self._write)

    async def add(self, key: str, amount: int, seconds: int) -> int:
        """Add to the number under `key`, and return the sum."""
        return self._board.add(key, amount, seconds)

    async def settled(self) -> None:
        """Return once all that was put is in the file, where others share it."""
        if not self.shared or self._settled >= self._put:
            return
        loop = asyncio.get_running_loop()
        written = loop.create_future()
        self._awaited.append((self._put, loop, written))
        if self._settled >= self._put:  # it was written in this very moment
            self._wake()
        await written

    async def tell(self, lessons: Sequence[bytes]) -> None:
        """Put lessons where other processes find them."""
        self._board.tell(lessons)

    async def news(self) -> Sequence[tuple[float, bytes]]:
        """Return what other processes have told."""
        return self._board.news()

    async def aclose(self) -> None:
        """Write what waits, and close the file."""
        self._board.close()
        self._thread.shutdown()
        self._writer.close()
        if self._reader is not None:
            self._reader.close()

    def _opened(self) -> sqlite3.Connection | None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            made = sqlite3.connect(self._path, timeout=5, isolation_level=None, check_same_thread=False)
            made.execute("PRAGMA journal_mode=WAL")
            made.executescript(SCHEMA)
        except (sqlite3.Error, OSError) as error:
            _log.warning("decisions live until a restart only: %s: %s", self._path, error)
            return None
        return made

    async def _held(self, keys: Sequence[str]) -> _Kept | None:
        """Return what is in memory."""
        found = await self._latest.first(keys)
        if found is None:
            return None
        position, stamped = found
        return _Kept(position, STAMP.unpack_from(stamped)[0], stamped[STAMP.size :])

    def _newer(self, keys: Sequence[str], held: _Kept | None) -> _Kept | None:
        """Return what the file has under an earlier key than `held`, or later under the same, else
        `held`.
        """
        ahead = keys if held is None else keys[: held.position + 1]
        try:
            stored = self._stored(ahead)
        except StateStoreError:
            if held is None:
                raise
            return held
        if stored is None or held is None:
            return stored or held
        return stored if stored.position < held.position or stored.used > held.used else held

    def _stored(self, keys: Sequence[str]) -> _Kept | None:
        """Return what is in the file; StateStoreError where it cannot be read."""
        if self._reader is None:
            return None
        marks = ",".join("?" * len(keys))
        oldest = time.time() - self._ttl
        try:
            rows = self._reader.execute(
                f"SELECT key, used, value FROM states WHERE key IN ({marks}) AND used > ?",
                (*keys, oldest),
            ).fetchall()
        except sqlite3.Error as error:
            raise StateStoreError(str(error)) from None
        known = {key: (used, value) for key, used, value in rows}
        return next((_Kept(i, *known[key]) for i, key in enumerate(keys) if key in known), None)

    def _write(self) -> None:
        """Write what waits, until nothing does; in the thread."""
        try:
            while self._pending:
                writer = self._writer.connection()
                count = self._write_some(writer)
                writer.commit()
                self._settle(self._settled + count)
                time.sleep(self._gather)
        except (sqlite3.Error, OSError) as error:
            self._writer.close()
            self._pending.clear()
            self._settle(self._put)
            level = logging.DEBUG if self._warned else logging.WARNING  # a lasting fault is told once
            _log.log(
                level,
                "decisions are not written, and live until a restart only: %s: %s",
                self._path,
                error,
            )
            self._warned = True
        else:
            self._warned = False

    def _settle(self, count: int) -> None:
        """Take note that so many values are written, or lost; in the thread."""
        self._settled = count
        if self._awaited:
            self._awaited[0][1].call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        """Let go on who waits for what is written; in the loop."""
        while self._awaited and self._awaited[0][0] <= self._settled:
            written = self._awaited.popleft()[2]
            if not written.done():
                written.set_result(None)

    def _write_some(self, writer: sqlite3.Connection) -> int:
        """Write a batch of what waits, and return how many that is."""
        rows: list[tuple[str, float, bytes]] = []
        while self._pending and len(rows) < BATCH:
            rows.append(self._pending.popleft())
        writer.executemany(KEEP, rows)
        self._written += len(rows)
        if self._written > TRIM_AFTER:
            self._trim(writer)
        return len(rows)

    def _trim(self, writer: sqlite3.Connection) -> None:
        self._written = 0
        writer.execute("DELETE FROM states WHERE used < ?", (time.time() - self._ttl,))
        total = writer.execute(
            "SELECT coalesce(sum(length(value) + length(key) + 50), 0) FROM states"
        ).fetchone()[0]
        if total > self._max_bytes:
            share = 1 - 0.9 * self._max_bytes / total
            count = writer.execute("SELECT count(*) FROM states").fetchone()[0]
            oldest = "SELECT key FROM states ORDER BY used LIMIT ?"
            writer.execute(f"DELETE FROM states WHERE key IN ({oldest})", (int(share * count) + 1,))


def in_batches(keys: Iterable[str]) -> Iterator[list[str]]:
    """Yield the keys, so many at a time."""
    left = iter(keys)
    batch = list(islice(left, BATCH))
    while batch:
        yield batch
        batch = list(islice(left, BATCH))
