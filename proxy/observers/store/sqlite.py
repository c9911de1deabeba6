"""Outcomes in a file that processes share, or in memory where there is no folder for it."""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from foveate.proxy.observers.store.row import COLUMNS
from foveate.proxy.observers.store.sought import Sought

_log = logging.getLogger("foveate.outcomes")
VERSION = 1  # of the tables: others are made anew
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outcomes (
  serial INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())}
);
CREATE TABLE IF NOT EXISTS ledgers (id TEXT PRIMARY KEY, size INTEGER NOT NULL, ledger BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS ledger_sizes ON ledgers (size);
CREATE TABLE IF NOT EXISTS texts
  (id TEXT PRIMARY KEY, size INTEGER NOT NULL, asked BLOB NOT NULL, body BLOB NOT NULL, texts BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS text_sizes ON texts (size);
"""
TABLES = ("about", "outcomes", "ledgers", "texts")
PUT = f"INSERT OR REPLACE INTO outcomes ({', '.join(COLUMNS)}) VALUES ({', '.join(':' + n for n in COLUMNS)})"
PUT_LEDGER = "INSERT OR REPLACE INTO ledgers VALUES (?, ?, ?)"
PUT_TEXT = "INSERT OR REPLACE INTO texts VALUES (?, ?, ?, ?, ?)"


class Text(NamedTuple):
    """The request of an outcome, where text is kept."""

    asked: bytes  # all but the body, as JSON
    body: bytes
    texts: bytes  # of its segments, as JSON


class StoreEntry(NamedTuple):
    """What is stored of a request."""

    row: dict[str, Any]
    ledger: bytes = b""  # compressed
    text: Text | None = None


@dataclass(slots=True)
class StoreBounds:
    """How much is kept; the oldest goes first."""

    outcomes: int
    ledger_bytes: int
    text_bytes: int


class SqliteOutcomes:
    """Used by one thread; a file that cannot be written costs what it would have kept a restart."""

    def __init__(self, path: Path | None, bounds: StoreBounds) -> None:
        self.bounds = bounds
        self._failing = False
        self._made = self._opened(path)
        self._made.create_function("holds", 2, _holds, deterministic=True)
        self.epoch = self._epoch()

    def put(self, entries: Sequence[StoreEntry]) -> None:
        """Keep them, each in place of an earlier one of the same id, within the bounds."""
        try:
            with self._made:
                self._made.executemany(PUT, [entry.row for entry in entries])
                self._made.executemany(PUT_LEDGER, _ledgers(entries))
                self._made.executemany(PUT_TEXT, _texts(entries))
                self._trim()
            self._failing = False
        except sqlite3.Error as error:
            _log.log(
                logging.DEBUG if self._failing else logging.WARNING, "outcomes are not kept: %s", error
            )
            self._failing = True  # which is said once

    def trim(self) -> None:
        """Let go of what is beyond the bounds."""
        with self._made:
            self._trim()

    def one(self, table: str, column: str, key: str) -> Any:
        """Return a value by an outcome's id, None where it is not kept."""
        found = self._made.execute(f"SELECT {column} FROM {table} WHERE id = ?", (key,)).fetchone()
        return found and found[0]

    def find(self, sought: Sought) -> list[tuple[int, bytes, str]]:
        """Return serial, packed outcome and caller of the latest that are sought, oldest first."""
        where, values = sought.where()
        rows = self._made.execute(
            f"SELECT serial, packed, caller FROM outcomes WHERE {where} ORDER BY serial DESC LIMIT ?",
            (*values, sought.limit),
        )
        return rows.fetchall()[::-1]

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return a query's rows by column."""
        asked = self._made.execute(query, values)
        names = [column[0] for column in asked.description]
        return [dict(zip(names, row, strict=True)) for row in asked]

    def number(self, query: str) -> int:
        """Return a query's only number."""
        return int(self._made.execute(query).fetchone()[0] or 0)

    def close(self) -> None:
        """Close the file."""
        self._made.close()

    def _opened(self, path: Path | None) -> sqlite3.Connection:
        if path is not None:
            try:
                return _connected(path)
            except (sqlite3.Error, OSError) as error:
                _log.warning("outcomes live until a restart only: %s: %s", path, error)
        made = sqlite3.connect(":memory:", check_same_thread=False)
        made.executescript(SCHEMA)
        return made

    def _epoch(self) -> str:
        """Return what tells the serials of this file from those of another."""
        with self._made:
            self._made.execute(
                "INSERT OR IGNORE INTO about VALUES ('epoch', ?)", (secrets.token_hex(8),)
            )
        return str(self._made.execute("SELECT value FROM about WHERE name = 'epoch'").fetchone()[0])

    def _trim(self) -> None:
        over = self.number("SELECT count(*) FROM outcomes") - self.bounds.outcomes
        if over > 0:
            self._let_go(over)
        while self.number("SELECT sum(size) FROM ledgers") > self.bounds.ledger_bytes:
            self._let_go(max(1, self.number("SELECT count(*) FROM outcomes") // 50))
        while self.number("SELECT sum(size) FROM texts") > self.bounds.text_bytes:
            self._made.execute(
                "DELETE FROM texts WHERE id = (SELECT id FROM outcomes JOIN texts USING (id) ORDER BY serial LIMIT 1)"
            )

    def _let_go(self, count: int) -> None:
        """Delete the oldest outcomes with all that is kept beside them."""
        oldest = "SELECT id FROM outcomes ORDER BY serial LIMIT ?"
        for table in ("ledgers", "texts", "outcomes"):
            self._made.execute(f"DELETE FROM {table} WHERE id IN ({oldest})", (count,))


def _ledgers(entries: Sequence[StoreEntry]) -> list[tuple[Any, ...]]:
    """Return rows of ledgers."""
    return [(e.row["id"], len(e.ledger), e.ledger) for e in entries if e.ledger]


def _texts(entries: Sequence[StoreEntry]) -> list[tuple[Any, ...]]:
    """Return rows of texts."""
    kept = [(e.row["id"], e.text) for e in entries if e.text is not None]
    return [(key, len(text.body) + len(text.texts), *text) for key, text in kept]


def _connected(path: Path) -> sqlite3.Connection:
    """Return the file, which only its owner can read, with our tables in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    made = sqlite3.connect(path, timeout=5, check_same_thread=False)
    made.execute("PRAGMA journal_mode=WAL")
    made.execute("PRAGMA synchronous=NORMAL")
    made.execute("PRAGMA secure_delete=ON")  # text that is let go is gone
    if made.execute("PRAGMA user_version").fetchone()[0] not in (0, VERSION):
        for table in TABLES:
            made.execute(f"DROP TABLE IF EXISTS {table}")
    made.executescript(SCHEMA)
    made.execute(f"PRAGMA user_version={VERSION}")
    return made


def _holds(texts: bytes, wanted: str) -> bool:
    """Say whether text that is stored as JSON has some words in it, whatever their case."""
    return wanted in texts.decode("utf-8", "replace").casefold().replace("\\n", "\n").replace(
        '\\"', '"'
    )
