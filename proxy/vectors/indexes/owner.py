"""An index that one process has for all workers of a host: each asks it over a socket."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from foveate.proxy import process
from foveate.proxy.errors import FoveateError, VectorIndexError
from foveate.proxy.team.pulse import Pulse
from foveate.proxy.vectors.indexes import VectorIndex
from foveate.proxy.vectors.indexes.apart import Apart, done
from foveate.proxy.vectors.stock import Stock

BEGUN = 10.0  # seconds that the process has to be begun anew where it has ended
# Run with -P: the working folder may hold modules of any name.
COMMAND = f"from {__name__} import serve_indexes; serve_indexes()"


class Joint(Apart):
    """Passes on what it is asked to the process that listens at `address`, which others ask as well.

    Who watches over that process begins it anew where it ends.
    """

    def __init__(self, make: Callable[[], VectorIndex], address: str) -> None:
        super().__init__(make)
        self._address = address

    def close(self) -> None:
        """Ask no more; the index stays open for others."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _give_up(self) -> None:
        """Ask no more what does not answer: others may be served by it."""
        raise EOFError

    def _begin(self) -> None:
        end = time.monotonic() + BEGUN
        while True:
            try:
                self._connection = Client(self._address, "AF_UNIX")
                break
            except OSError as error:
                if time.monotonic() > end:
                    raise VectorIndexError(f"the index's process does not listen: {error}") from None
                time.sleep(0.05)
        try:
            self._connection.send_bytes(pickle.dumps(self._make))
            self._answer()
        except (FoveateError, OSError):
            self.close()
            raise


class _Open:
    """An index that is open, for so many who ask."""

    def __init__(self, index: VectorIndex) -> None:
        self.index = index
        self.users = 1
        self._stock = Stock(index.ids())

    def asked(self, method: str, args: tuple[Any, ...]) -> tuple[Any, FoveateError | OSError | None]:
        """Return the index's answer; what it is known not to hold it is not asked for."""
        if method == "ids":
            return None, None
        if method == "get":
            tenant, ids = args
            args = tenant, self._stock.among(tenant, ids)
        if method == "search" and args[-1].ids is not None:
            args = *args[:-1], replace(args[-1], ids=self._stock.among(args[0], args[-1].ids))
        answer = done(self.index, method, *args)
        if answer[1] is None and method == "upsert":
            tenant, (ids, *_) = args
            self._stock.add([(tenant, i) for i in ids])
        elif answer[1] is None and method == "delete":
            self._stock.remove(args[0])
        return answer


class _Owner:
    """Has the indexes open that somebody asks, one question at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[bytes, _Open] = {}

    def serve(self, connection: Connection[Any, Any]) -> None:
        """Do what one worker asks, until it asks no more."""
        made = b""
        with connection, suppress(EOFError, OSError):
            wanted = connection.recv_bytes()
            with self._lock:
                error = self._begun(wanted)
            made = wanted if error is None else b""
            connection.send((None, error))
            while made:
                method, args = connection.recv()
                with self._lock:
                    answer = self._open[made].asked(method, args)
                connection.send(answer)
        if made:
            with self._lock:
                self._ended(made)

    def _begun(self, wanted: bytes) -> FoveateError | OSError | None:
        """Open the index that `wanted` makes, or count one more who asks; return why that fails."""
        if wanted in self._open:
            self._open[wanted].users += 1
            return None
        index: VectorIndex = pickle.loads(wanted)()
        _, error = done(index, "open")
        if error is None:
            self._open[wanted] = _Open(index)
        return error

    def _ended(self, made: bytes) -> None:
        index = self._open[made]
        index.users -= 1
        if not index.users:
            del self._open[made]
            index.index.close()

    def close(self) -> None:
        """Close all, once what is being done is done."""
        with self._lock:
            for each in self._open.values():
                each.index.close()


def serve_indexes() -> None:
    """Be the process: listen at the address that the command names, until standard input ends."""
    process.prepare()
    Pulse().of_threads()
    address = sys.argv[1]
    with suppress(FileNotFoundError):
        os.unlink(address)
    owner = _Owner()
    listener = Listener(address, "AF_UNIX", backlog=64)
    threading.Thread(target=_accept, args=(listener, owner), daemon=True).start()
    with suppress(KeyboardInterrupt, ConnectionError):
        sys.stdin.buffer.read()
    owner.close()


def _accept(listener: Listener, owner: _Owner) -> None:
    while True:
        connection = listener.accept()
        threading.Thread(target=owner.serve, args=(connection,), daemon=True).start()
