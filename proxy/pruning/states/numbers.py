"""Numbers in a file that the processes of a machine share."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from foveate.proxy.errors import StateStoreError

SCHEMA = """
CREATE TABLE IF NOT EXISTS numbers (key TEXT PRIMARY KEY, until REAL NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID
"""
ADD = """
INSERT INTO numbers VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET number = number + excluded.number RETURNING number
"""
TIDY_AFTER = 1000  # additions
PATIENCE = 0.2  # seconds that another process may be writing; each takes a fraction of a millisecond


class Numbers:
    """Opened when first asked; written at once and left to the system to bring to the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: sqlite3.Connection | None = None
        self._added = 0

    def add(self, key: str, amount: int, seconds: int) -> int:
        """Add to the number under `key`, and return the sum; StateStoreError where that cannot be done."""
        now = time.time()
        try:
            file = self._opened()
            self._added += 1
            if self._added > TIDY_AFTER:
                self._added = 0
                file.execute("DELETE FROM numbers WHERE until < ?", (now,))
            row = file.execute(ADD, (key, now + seconds, amount)).fetchone()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StateStoreError(f"{self._path}: {error}") from None
        return int(row[0])

    def _opened(self) -> sqlite3.Connection:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            made = sqlite3.connect(
                self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            made.execute("PRAGMA journal_mode=WAL")
            made.execute("PRAGMA synchronous=OFF")
            made.execute(SCHEMA)
            self._file = made
        return self._file

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
