"""A file that the processes of a machine share: numbers that all add to, and lessons that each tells
the others.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from foveate.proxy.errors import StateStoreError

SCHEMA = """
CREATE TABLE IF NOT EXISTS numbers (key TEXT PRIMARY KEY, until REAL NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lessons (
    serial INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, teller TEXT NOT NULL, lesson BLOB NOT NULL
);
"""
ADD = """
INSERT INTO numbers VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET number = number + excluded.number RETURNING number
"""
NEWS = (
    "SELECT serial, at, teller, lesson FROM lessons WHERE serial > ? AND at > ? ORDER BY serial LIMIT ?"
)
TIDY_AFTER = 1000  # writes
PATIENCE = 0.2  # seconds that another process may be writing; each takes a fraction of a millisecond
LIFETIME = 3600.0  # seconds for which a lesson is told
MOST = 4000  # lessons that are read at once


class Board:
    """Opened when first asked; written at once and left to the system to bring to the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: sqlite3.Connection | None = None
        self._written = 0
        self._name = secrets.token_hex(8)
        self._heard = 0  # the serial of the last lesson

    def add(self, key: str, amount: int, seconds: int) -> int:
        """Add to the number under `key`, and return the sum; StateStoreError where that fails."""
        try:
            row = self._writing().execute(ADD, (key, time.time() + seconds, amount)).fetchone()
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from None
        return int(row[0])

    def tell(self, lessons: Sequence[bytes]) -> None:
        """Put lessons up for the others; StateStoreError where that cannot be done."""
        rows = [(time.time(), self._name, lesson) for lesson in lessons]
        try:
            self._writing().executemany(
                "INSERT INTO lessons (at, teller, lesson) VALUES (?, ?, ?)", rows
            )
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from None

    def news(self) -> list[tuple[float, bytes]]:
        """Return what others have put up since this was last asked, with how many seconds ago."""
        now = time.time()
        try:
            rows = self._opened().execute(NEWS, (self._heard, now - LIFETIME, MOST)).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from None
        if rows:
            self._heard = rows[-1][0]
        return [(max(0.0, now - at), lesson) for _, at, teller, lesson in rows if teller != self._name]

    def _failed(self, error: Exception) -> StateStoreError:
        self.close()
        return StateStoreError(f"{self._path}: {error}")

    def _writing(self) -> sqlite3.Connection:
        """Return the file, tidied now and then."""
        file = self._opened()
        self._written += 1
        if self._written > TIDY_AFTER:
            self._written = 0
            file.execute("DELETE FROM numbers WHERE until < ?", (time.time(),))
            file.execute("DELETE FROM lessons WHERE at < ?", (time.time() - LIFETIME,))
        return file

    def _opened(self) -> sqlite3.Connection:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            made = sqlite3.connect(
                self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            made.execute("PRAGMA journal_mode=WAL")
            made.execute("PRAGMA synchronous=OFF")
            made.executescript(SCHEMA)
            self._file = made
        return self._file

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
