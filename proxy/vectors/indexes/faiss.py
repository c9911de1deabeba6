"""FAISS as the index: every vector of a tenant is compared, in memory; a file beside it lasts."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from foveate.proxy.errors import ConfigError, VectorIndexError
from foveate.proxy.vectors.indexes import ABOUT, ANY, Entry, EntryKey, Only, Vector
from foveate.proxy.vectors.indexes.aside import set_aside
from foveate.proxy.vectors.indexes.lock import held

EXPIRED_AT_ONCE = 100
AT_ONCE = 400  # ids of one statement
COLUMNS = ", ".join(ABOUT)
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS entries (
    row INTEGER PRIMARY KEY, tenant TEXT, segment TEXT, {COLUMNS}, vector BLOB NOT NULL, UNIQUE (tenant, segment)
);
CREATE INDEX IF NOT EXISTS by_first_seen ON entries (first_seen);
CREATE INDEX IF NOT EXISTS by_conversation ON entries (tenant, conversation);
"""
Rows = list[tuple[Any, ...]]


class Faiss:
    """A flat index of inner products for each tenant (Johnson et al. 2017), which is exact.

    Vectors and metadata are in an SQLite file, from which the index is made anew when it is opened: nothing
    is lost where the process ends in the middle of a write.
    """

    apart = True  # its memory is not the requests', and workers share it

    def __init__(self, collection: str, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"foveate-{collection}.sqlite3"
        self._file: sqlite3.Connection | None = None
        self._lock: IO[str] | None = None
        self._faiss: Any = None  # the library, once it is loaded
        self._flat: dict[str, Any] = {}  # by tenant

    def open(self) -> None:
        """Read the file; ConfigError names what is missing or cannot be read."""
        try:
            import faiss  # an extra; the index's own process alone loads it
        except ImportError as error:
            raise ConfigError(
                f"index.type faiss: {error.name} is not installed: pip install 'foveate[faiss]'"
            ) from None
        faiss.omp_set_num_threads(1)
        self._faiss = faiss
        try:
            self._lock = held(self._folder, os.getppid())
            try:
                self._load()
            except sqlite3.DatabaseError as error:
                if not set_aside(self._folder, error):
                    raise
                self._load()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise ConfigError(f"the FAISS index at {self._path} cannot be opened: {error}") from None

    def _load(self) -> None:
        self._file = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.executescript(SCHEMA)
        tenants = self._file.execute("SELECT DISTINCT tenant FROM entries").fetchall()
        for (tenant,) in tenants:
            rows = self._file.execute(
                "SELECT row, vector FROM entries WHERE tenant = ? ORDER BY row", (tenant,)
            ).fetchall()
            self._add(tenant, [row for row, _ in rows], [vector for _, vector in rows])

    def ids(self) -> Iterable[EntryKey] | None:
        """Return the keys of all that is stored."""
        return [
            (tenant, segment) for tenant, segment in self._read("SELECT tenant, segment FROM entries")
        ]

    def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Store entries."""
        if not entries:
            return
        self.delete([(tenant, entry.id) for entry in entries])
        marks = ", ".join("?" * (len(ABOUT) + 3))
        statement = (
            f"INSERT INTO entries (tenant, segment, {COLUMNS}, vector) VALUES ({marks}) RETURNING row"
        )
        rows: list[int] = []
        with self._writing() as file:
            for entry in entries:
                about = [getattr(entry, name) for name in ABOUT]
                vector = np.asarray(entry.vector, dtype=np.float32).tobytes()
                rows.append(file.execute(statement, (tenant, entry.id, *about, vector)).fetchone()[0])
        self._add(tenant, rows, [entry.vector.tobytes() for entry in entries])

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the stored entries among `ids`."""
        rows = self._of(f"SELECT segment, vector, {COLUMNS} FROM entries", tenant, ids)
        return {
            segment: Entry(segment, np.frombuffer(vector, dtype=np.float32), *about)
            for segment, vector, *about in rows
        }

    def search(self, tenant: str, vector: Vector, most: int, only: Only = ANY) -> Mapping[str, float]:
        """Return the cosine of the most similar entries, which is exact."""
        flat = self._flat.get(tenant)
        if flat is None or not flat.ntotal or not most:
            return {}
        chosen = None
        if only != ANY:
            allowed = np.array(self._allowed(tenant, only), dtype=np.int64)
            if not allowed.size:
                return {}
            chosen = self._faiss.SearchParameters(sel=self._faiss.IDSelectorBatch(allowed))
        scores, rows = flat.search(
            np.asarray(vector, dtype=np.float32).reshape(1, -1), min(most, flat.ntotal), params=chosen
        )
        best = {
            int(row): float(score) for row, score in zip(rows[0], scores[0], strict=True) if row >= 0
        }
        names: dict[int, str] = dict(
            self._in("SELECT row, segment FROM entries WHERE row IN", (), best)
        )
        return {names[row]: score for row, score in best.items() if row in names}

    def delete(self, keys: Sequence[EntryKey]) -> None:
        """Delete entries."""
        by: dict[str, list[str]] = {}
        for tenant, segment in keys:
            by.setdefault(tenant, []).append(segment)
        for tenant, segments in by.items():
            rows = [row for (row,) in self._of("SELECT row FROM entries", tenant, segments)]
            if rows:
                with self._writing() as file:
                    file.executemany("DELETE FROM entries WHERE row = ?", [(row,) for row in rows])
                self._flat[tenant].remove_ids(np.array(rows, dtype=np.int64))

    def expired(self, max_entries: int, oldest: int) -> Sequence[EntryKey]:
        """Return the keys of up to EXPIRED_AT_ONCE that are too old, else stored first beyond
        `max_entries`.
        """
        found = self._read(
            "SELECT tenant, segment FROM entries WHERE first_seen < ? LIMIT ?",
            (oldest, EXPIRED_AT_ONCE),
        )
        beyond = 0 if found else self._read("SELECT count(*) FROM entries")[0][0] - max_entries
        if beyond > 0:
            found = self._read(
                "SELECT tenant, segment FROM entries ORDER BY row LIMIT ?",
                (min(beyond, EXPIRED_AT_ONCE),),
            )
        return [(tenant, segment) for tenant, segment in found]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._flat.clear()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _add(self, tenant: str, rows: Sequence[int], vectors: Sequence[bytes]) -> None:
        stacked = np.frombuffer(b"".join(vectors), dtype=np.float32).reshape(len(rows), -1)
        if tenant not in self._flat:
            self._flat[tenant] = self._faiss.IndexIDMap2(self._faiss.IndexFlatIP(stacked.shape[1]))
        self._flat[tenant].add_with_ids(stacked, np.array(rows, dtype=np.int64))

    def _allowed(self, tenant: str, only: Only) -> list[int]:
        """Return the rows of the entries that a search may find."""
        rules, given = rules_of(only)
        where = " AND ".join(["tenant = ?", *rules])
        statement = f"SELECT row FROM entries WHERE {where}"
        if only.ids is None:
            return [row for (row,) in self._read(statement, (tenant, *given))]
        found = self._in(f"{statement} AND segment IN", (tenant, *given), only.ids)
        return [row for (row,) in found]

    def _of(self, statement: str, tenant: str, ids: Iterable[str]) -> Rows:
        return self._in(f"{statement} WHERE tenant = ? AND segment IN", (tenant,), ids)

    def _in(self, statement: str, given: tuple[Any, ...], ids: Iterable[Any]) -> Rows:
        """Return the rows of a statement that ends with IN, for the ids a few at a time."""
        left = iter(ids)
        found: Rows = []
        batch = list(islice(left, AT_ONCE))
        while batch:
            marks = ",".join("?" * len(batch))
            found += self._read(f"{statement} ({marks})", (*given, *batch))
            batch = list(islice(left, AT_ONCE))
        return found

    def _read(self, statement: str, given: tuple[Any, ...] = ()) -> Rows:
        if self._file is None:
            raise VectorIndexError("FAISS: the index is not open")
        if not self._path.is_file():  # an open file answers from its handle, and would lose every write
            self.close()
            self.open()
            raise VectorIndexError(f"{self._path} was gone: the index is begun anew")
        try:
            return self._file.execute(statement, given).fetchall()
        except sqlite3.Error as error:
            raise VectorIndexError(f"FAISS: {error}") from None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self._read("BEGIN IMMEDIATE")
        assert self._file is not None
        try:
            yield self._file
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            self._file.execute("ROLLBACK")
            raise VectorIndexError(f"FAISS: {error}") from None


def rules_of(only: Only) -> tuple[list[str], list[Any]]:
    """Return the conditions of a filter in SQL, ids aside, and their values."""
    rules: list[str] = []
    given: list[Any] = []
    for rule, value in (
        ("conversation = ?", only.conversation or None),
        ("topic = ?", only.topic),
        ("first_seen >= ?", only.since),
        ("first_seen <= ?", only.until),
    ):
        if value is not None:
            rules.append(rule)
            given.append(value)
    for name, values in (("kind", only.kinds), ("role", only.roles)):
        if values:
            rules.append(f"{name} IN ({','.join('?' * len(values))})")
            given += values
    return rules, given
