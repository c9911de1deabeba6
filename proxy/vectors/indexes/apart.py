"""An index in a process of its own: its work holds up no request, and no text that a request has left
is near it.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from foveate.proxy import process
from foveate.proxy.errors import FoveateError, VectorIndexError
from foveate.proxy.vectors.indexes import ABOUT, ANY, Entry, EntryKey, Only, Vector, VectorIndex

POSSIBLE = os.name == "posix"  # elsewhere a process inherits no socket
PATIENCE = 10.0  # seconds that it has to end
HUNG = 60.0  # seconds after which an answer will not come: a stuck disk, a stopped process
# Run with -P: the working folder may hold modules of any name.
COMMAND = f"from {__name__} import serve_index; serve_index()"
_log = logging.getLogger("foveate.vectors")
Packed = tuple[list[str], Any, list[list[Any]]]  # ids, vectors by rows, and the columns


class Apart:
    """Passes on what it is asked to an index that `make`, a picklable callable, builds in the other
    process.

    A process that has ended is begun anew by whoever asks next; it ends by itself where this one does.
    """

    def __init__(self, make: Callable[[], VectorIndex]) -> None:
        self._make = make
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._exit: int | None = None  # what the last one of its own ended with; a signal below 0

    def open(self) -> None:
        """Begin the process and open the index there; ConfigError where that cannot work."""
        self._begin()

    def ids(self) -> Iterable[EntryKey] | None:
        """Return the keys of all that is stored; None where somebody else may store more."""
        found: list[EntryKey] | None = self._ask("ids")
        return found

    def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Store entries, replacing those of the same id."""
        if entries:
            self._ask("upsert", tenant, packed(entries))

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the entries of the ids that are stored."""
        return {entry.id: entry for entry in unpacked(self._ask("get", tenant, list(ids)))}

    def search(self, tenant: str, vector: Vector, most: int, only: Only = ANY) -> Mapping[str, float]:
        """Return the cosine of the most similar entries, by id."""
        found: Mapping[str, float] = self._ask("search", tenant, vector, most, only)
        return found

    def delete(self, keys: Sequence[EntryKey]) -> None:
        """Delete entries."""
        self._ask("delete", list(keys))

    def expired(self, max_entries: int, oldest: int) -> Sequence[EntryKey]:
        """Return the keys of a few that are too old or too many."""
        keys: list[EntryKey] = self._ask("expired", max_entries, oldest)
        return keys

    def close(self) -> None:
        """Close the index and end the process."""
        if self._process is None:
            return
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._exit = self._process.returncode
        self._process = None

    def _begin(self) -> None:
        ours, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", COMMAND, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                # An interrupt from the terminal is for this process, which ends the other
                start_new_session=True,
            )
        self._connection = ours
        try:
            ours.send_bytes(pickle.dumps(self._make))
            self._answer()
        except (FoveateError, OSError):
            self.close()
            raise

    def _ask(self, method: str, *args: Any) -> Any:
        try:
            self._send(method, args)
        except OSError:
            self.close()
            if self._exit is not None:
                _log.warning("the index's process had ended (exit %s); it is begun anew", self._exit)
            self._begin()
            self._send(method, args)
        return self._answer()

    def _send(self, method: str, args: tuple[Any, ...]) -> None:
        if self._connection is None:
            raise BrokenPipeError
        self._connection.send((method, args))

    def _answer(self) -> Any:
        try:
            if self._connection is None:
                raise EOFError
            if not self._connection.poll(HUNG):
                self._give_up()
            answer, error = self._connection.recv()
        except (EOFError, OSError):
            self.close()
            raise VectorIndexError(
                "the index's process has ended; it is begun anew for the next request"
            ) from None
        if error is not None:
            raise error
        return answer

    def _give_up(self) -> None:
        """End what does not answer."""
        if self._process is not None:
            self._process.kill()


def packed(entries: Iterable[Entry]) -> Packed:
    """Return entries by columns, which pass between processes in a few large pieces."""
    rows = list(entries)
    vectors = np.stack([entry.vector for entry in rows]) if rows else None
    return (
        [entry.id for entry in rows],
        vectors,
        [[getattr(entry, name) for entry in rows] for name in ABOUT],
    )


def unpacked(found: Packed) -> list[Entry]:
    """Return the entries of columns."""
    ids, vectors, columns = found
    return [
        Entry(key, vectors[i], *about)
        for i, (key, *about) in enumerate(zip(ids, *columns, strict=True))
    ]


def serve_index() -> None:
    """Be the other process: open an index, do what is asked, and end when nobody can ask any more."""
    process.prepare()
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
    index: VectorIndex = pickle.loads(connection.recv_bytes())()
    connection.send(done(index, "open"))
    while True:
        try:
            method, args = connection.recv()
        except (EOFError, OSError):
            break
        connection.send(done(index, method, *args))
    index.close()


def done(index: VectorIndex, method: str, *args: Any) -> tuple[Any, FoveateError | OSError | None]:
    """Return what `index` says, in a form that can pass, or why it cannot."""
    try:
        match method:
            case "ids":
                known = index.ids()
                return None if known is None else list(known), None
            case "get":
                return packed(index.get(*args).values()), None
            case "upsert":
                tenant, rows = args
                args = tenant, unpacked(rows)
        return getattr(index, method)(*args), None
    except (FoveateError, OSError) as error:
        return None, error
