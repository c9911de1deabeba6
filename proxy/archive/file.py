"""The SQLite file of memory: its tables, and its transactions."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments (
    tenant TEXT, conversation TEXT, id TEXT, position INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    sealed BLOB NOT NULL, PRIMARY KEY (tenant, conversation, id)
);
CREATE INDEX IF NOT EXISTS by_id ON segments (tenant, id);
CREATE INDEX IF NOT EXISTS by_position ON segments (tenant, conversation, position);
CREATE INDEX IF NOT EXISTS by_last ON segments (last);
CREATE TABLE IF NOT EXISTS trails (
    tenant TEXT, key TEXT, conversation TEXT NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quotes (
    tenant TEXT, conversation TEXT, item TEXT, ids TEXT NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (tenant, conversation, item)
) WITHOUT ROWID;
"""


def open_file(path: Path) -> sqlite3.Connection:
    """Return the file, created for its owner's eyes alone where it is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    made = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    if new:
        os.chmod(path, 0o600)
    made.execute("PRAGMA journal_mode=WAL")
    made.execute("PRAGMA synchronous=NORMAL")
    made.executescript(SCHEMA)
    return made


class Writing:
    """A transaction."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def __enter__(self) -> sqlite3.Connection:
        self._file.execute("BEGIN IMMEDIATE")
        return self._file

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if not error:
                self._file.execute("COMMIT")
        finally:
            if self._file.in_transaction:  # else nothing could be written ever after
                self._file.execute("ROLLBACK")
