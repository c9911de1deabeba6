"""The file that texts are kept in, sealed; blocking, for one thread at a time."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from foveate.policies.types import Segment
from foveate.proxy.archive import ArchiveBounds, Spoken, Talk
from foveate.proxy.archive.cipher import SALT, Cipher
from foveate.proxy.archive.file import Writing, open_file
from foveate.proxy.errors import ArchiveError, ConfigError

NAME = "memory.sqlite3"
DAY = 86400
AT_ONCE = 400  # ids asked for in one statement
PROOF = b"foveate memory"
FIELDS = ("role", "kind", "text", "tokens", "name")
WHOSE = ("segments", "trails", "quotes")


class Shelf:
    """Texts by tenant and conversation, trails that lead to conversations, and what was quoted where."""

    def __init__(self, folder: Path, secret: str, bounds: ArchiveBounds) -> None:
        self._path = folder / NAME
        self._secret = secret
        self._bounds = bounds
        self._file: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file, created where it is new; ConfigError where the key is not the one that it was
        written with.
        """
        made = open_file(self._path)
        made.execute("INSERT OR IGNORE INTO about VALUES ('salt', ?)", (os.urandom(SALT),))
        self._cipher = Cipher(self._secret, self._about(made, "salt"))
        made.execute("INSERT OR IGNORE INTO about VALUES ('proof', ?)", (self._proof(),))
        try:
            self._cipher.open(self._about(made, "proof"), b"proof")
        except ArchiveError:
            made.close()
            raise ConfigError(
                f"memory.key is not the key that {self._path} was written with; set that one, or delete the file"
            ) from None
        self._file = made

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def follow(self, tenant: str, keys: Sequence[str]) -> tuple[str, str]:
        """Return the first known of those trails and the conversation that it leads to; empty where
        none is known.
        """
        rows = dict(
            self._select(
                "SELECT key, conversation FROM trails WHERE tenant = ? AND key IN", (tenant,), keys
            )
        )
        return next(((key, rows[key]) for key in keys if key in rows), ("", ""))

    def quotes(self, tenant: str, conversation: str, items: Collection[str]) -> dict[str, list[str]]:
        """Return the ids of the segments that were quoted at those items."""
        rows = self._select(
            "SELECT item, ids FROM quotes WHERE tenant = ? AND conversation = ? AND item IN",
            (tenant, conversation),
            items,
        )
        return {item: ids.split() for item, ids in rows}

    def ids(self, tenant: str, conversation: str, most: int) -> list[str]:
        """Return the ids of what was said last in a conversation, oldest first."""
        rows = self._open.execute(
            "SELECT id FROM segments WHERE tenant = ? AND conversation = ? ORDER BY position DESC LIMIT ?",
            (tenant, conversation, most),
        )
        return [i for (i,) in rows][::-1]

    def read(self, tenant: str, conversation: str, ids: Collection[str]) -> list[Segment]:
        """Return the segments of a conversation that are kept under those ids, oldest first."""
        rows = self._select(
            "SELECT position, id, sealed FROM segments WHERE tenant = ? AND conversation = ? AND id IN",
            (tenant, conversation),
            ids,
        )
        return [self._opened(tenant, conversation, i, sealed) for _, i, sealed in sorted(rows)]

    def around(self, tenant: str, ids: Collection[str], reach: int) -> list[Spoken]:
        """Return what is kept under those ids, with what was said up to `reach` segments before and after.

        By conversation, oldest first; of what was said in several, in the latest.
        """
        places = self._select(
            "SELECT id, conversation, position, last FROM segments WHERE tenant = ? AND id IN",
            (tenant,),
            ids,
        )
        latest = {i: (talk, at) for i, talk, at, _ in sorted(places, key=lambda row: int(row[3]))}
        wanted: dict[str, set[int]] = {}
        for talk, at in latest.values():
            wanted.setdefault(talk, set()).update(range(at - reach, at + reach + 1))
        found = []
        for talk in sorted(wanted):
            rows = self._select(
                "SELECT position, id, sealed FROM segments WHERE tenant = ? AND conversation = ? AND position IN",
                (tenant, talk),
                sorted(wanted[talk]),
            )
            found += [
                Spoken(talk, at, self._opened(tenant, talk, i, sealed))
                for at, i, sealed in sorted(rows)
            ]
        return found

    def keep(
        self, tenant: str, conversation: str, segments: Iterable[Segment], keys: Sequence[str]
    ) -> None:
        """Keep segments as a conversation's latest, and the trails that now lead to it."""
        now = int(time.time())
        listed = {s.id: s for s in segments}
        with self._writing() as file:  # another process may keep more of the same conversation
            known = self._select(
                "SELECT id, last FROM segments WHERE tenant = ? AND conversation = ? AND id IN",
                (tenant, conversation),
                listed,
            )
            stands = dict(known)
            new = [s for s in listed.values() if s.id not in stands]
            if new:
                self._append(tenant, conversation, new, now)
            file.executemany(
                "UPDATE segments SET last = ? WHERE tenant = ? AND conversation = ? AND id = ?",
                [(now, tenant, conversation, i) for i, last in known if last <= now - DAY // 2],
            )
            file.execute(
                "DELETE FROM trails WHERE tenant = ? AND conversation = ?", (tenant, conversation)
            )
            file.executemany(
                "INSERT OR REPLACE INTO trails VALUES (?, ?, ?, ?)",
                [(tenant, key, conversation, now) for key in keys],
            )

    def _append(self, tenant: str, conversation: str, new: Sequence[Segment], now: int) -> None:
        """Write segments behind those that are kept of a conversation."""
        (top,) = self._open.execute(
            "SELECT coalesce(max(position), -1) FROM segments WHERE tenant = ? AND conversation = ?",
            (tenant, conversation),
        ).fetchone()
        self._open.executemany(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (tenant, conversation, s.id, at, now, now, self._sealed(tenant, conversation, s))
                for at, s in enumerate(new, top + 1)
            ],
        )

    def quote(self, tenant: str, conversation: str, item: str, ids: Sequence[str]) -> None:
        """Keep what was quoted at a user's item."""
        with self._writing() as file:
            file.execute(
                "INSERT OR REPLACE INTO quotes VALUES (?, ?, ?, ?, ?)",
                (tenant, conversation, item, " ".join(ids), int(time.time())),
            )

    def trim(self) -> None:
        """Delete what is too old or too much."""
        oldest = int(time.time() - self._bounds.days * DAY)
        with self._writing() as file:
            for table in WHOSE:
                file.execute(f"DELETE FROM {table} WHERE last < ?", (oldest,))
            count, size = file.execute(
                "SELECT count(*), coalesce(sum(length(sealed) + 200), 0) FROM segments"
            ).fetchone()
            if size > self._bounds.max_bytes:
                spare = int(count * (1 - 0.9 * self._bounds.max_bytes / size)) + 1
                file.execute(
                    "DELETE FROM segments WHERE rowid IN (SELECT rowid FROM segments ORDER BY last, position LIMIT ?)",
                    (spare,),
                )

    def version(self) -> tuple[int, int]:
        """Return what differs once anything is written, here or by another process."""
        (others,) = self._open.execute("PRAGMA data_version").fetchone()
        return others, self._open.total_changes

    def talks(self, tenant: str = "", conversation: str = "") -> list[Talk]:
        """Return what is kept, conversation by conversation, the latest first."""
        where, given = whose(tenant, conversation)
        rows = self._open.execute(
            f"SELECT tenant, conversation, count(*), sum(length(sealed)), min(first), max(last) FROM segments{where} "
            "GROUP BY tenant, conversation ORDER BY max(last) DESC",
            given,
        )
        return [Talk(*row) for row in rows]

    def said(self, tenant: str, conversation: str) -> Iterator[Spoken]:
        """Yield what is kept, conversation by conversation, oldest first."""
        where, given = whose(tenant, conversation)
        rows = self._open.execute(
            f"SELECT tenant, conversation, position, id, sealed FROM segments{where} ORDER BY tenant, conversation, "
            "position",
            given,
        )
        for whose_, talk, at, i, sealed in rows.fetchall():
            yield Spoken(talk, at, self._opened(whose_, talk, i, sealed))

    def forget(self, tenant: str, conversation: str) -> dict[str, set[str]]:
        """Delete what is kept; return the ids that are kept nowhere else, by tenant."""
        where, given = whose(tenant, conversation)
        with self._writing() as file:
            gone = file.execute(f"SELECT tenant, id FROM segments{where}", given).fetchall()
            for table in WHOSE:
                file.execute(f"DELETE FROM {table}{where}", given)
        self._open.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found: dict[str, set[str]] = {}
        for owner, i in gone:
            found.setdefault(owner, set()).add(i)
        for owner, ids in found.items():
            rows = self._select(
                "SELECT id, position FROM segments WHERE tenant = ? AND id IN", (owner,), ids
            )
            ids -= {i for i, _ in rows}
        return found

    @property
    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            raise ArchiveError("it is not open")
        return self._file

    def _writing(self) -> Writing:
        return Writing(self._open)

    def _select(self, statement: str, given: tuple[str, ...], ids: Iterable[str | int]) -> list[tuple]:  # type: ignore[type-arg]
        """Return the rows of a statement that ends with IN, for the ids a few at a time."""
        left = iter(ids)
        found: list[tuple] = []  # type: ignore[type-arg]
        batch = list(islice(left, AT_ONCE))
        while batch:
            marks = ",".join("?" * len(batch))
            found += self._open.execute(f"{statement} ({marks})", (*given, *batch)).fetchall()
            batch = list(islice(left, AT_ONCE))
        return found

    def _about(self, file: sqlite3.Connection, name: str) -> bytes:
        found: bytes = file.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()[0]
        return found

    def _proof(self) -> bytes:
        return self._cipher.seal(PROOF, b"proof")

    def _sealed(self, tenant: str, conversation: str, segment: Segment) -> bytes:
        content = msgspec.msgpack.encode([getattr(segment, name) for name in FIELDS])
        return self._cipher.seal(content, place(tenant, conversation, segment.id))

    def _opened(self, tenant: str, conversation: str, i: str, sealed: bytes) -> Segment:
        content = self._cipher.open(sealed, place(tenant, conversation, i))
        about: Mapping[str, object] = dict(zip(FIELDS, msgspec.msgpack.decode(content), strict=True))
        return Segment(id=i, turn=0, key=(0, 0, -1), **about)  # type: ignore[arg-type]


def place(tenant: str, conversation: str, i: str) -> bytes:
    """Return whose a segment is and where it was said."""
    return f"{tenant}/{conversation}/{i}".encode()


def whose(tenant: str, conversation: str) -> tuple[str, tuple[str, ...]]:
    """Return the WHERE of a statement for a tenant, a conversation, both or all, and its values."""
    given = [
        (name, value) for name, value in (("tenant", tenant), ("conversation", conversation)) if value
    ]
    where = " AND ".join([f"{name} = ?" for name, _ in given])
    return f" WHERE {where}" if where else "", tuple([value for _, value in given])
