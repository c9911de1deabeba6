"""The requests under way and the latest outcomes, to be looked up, searched and summed up."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import structs

from foveate.policies.types import Budget
from foveate.proxy.formats import load_formats
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.observers.store import sums
from foveate.proxy.observers.store.row import outcome_of, row_of
from foveate.proxy.observers.store.sought import Sought
from foveate.proxy.observers.store.sqlite import SqliteOutcomes, StoreBounds, StoreEntry, Text
from foveate.proxy.pruning.outcome import Ledger, Outcome, verdicts
from foveate.proxy.pruning.request import Request

MAX_LEDGERS = 64 * 1024 * 1024  # bytes of ledgers, compressed: thousands of segments a request add up
LATE = 1.0  # seconds in which outcomes gather before they are written together,
MANY = 1000  # unless so many have; and what has text does not wait
SMALL = 2048  # bytes of a ledger that is not worth compressing
T = TypeVar("T")


class Found(NamedTuple):
    """An outcome as it is listed."""

    serial: int  # grows with every change
    outcome: Outcome
    caller: str  # its name, else the beginning of a hash of its key


class _Waiting(NamedTuple):
    """An outcome that is to be stored."""

    outcome: Outcome
    caller: str
    ledger: bytes  # packed; empty where nothing was decided segment by segment
    text: Text | None


class Recent:
    """Keeps the last `max_outcomes`; the text of their messages within `max_text_bytes`, 0 for none at
    all. In a file of `folder`, where one is given.

    The store is used in a thread of its own: no request waits for it, and whoever asks sees all that was put.
    """

    def __init__(self, max_outcomes: int, max_text_bytes: int = 0, folder: Path | None = None) -> None:
        self._path = folder / "outcomes.sqlite3" if folder else None
        self._bounds = StoreBounds(max_outcomes, MAX_LEDGERS, max_text_bytes)
        self._thread = ThreadPoolExecutor(1, "outcomes")
        self._opened: SqliteOutcomes | None = None
        self._pending: deque[_Waiting] = deque()
        self._underway: dict[str, tuple[float, Request]] = {}

    def __len__(self) -> int:
        return self._asked(lambda store: store.number("SELECT count(*) FROM outcomes"))

    @property
    def keeps_text(self) -> bool:
        """Say whether the text of messages is kept."""
        return self._bounds.text_bytes > 0

    @property
    def text_bytes(self) -> int:
        """Bytes of text that are kept."""
        return self._asked(lambda store: store.number("SELECT sum(size) FROM texts"))

    @property
    def epoch(self) -> str:
        """What tells the serials of this store from those of another."""
        return self._asked(lambda store: store.epoch)

    @property
    def serial(self) -> int:
        """The serial of the latest change."""
        return self._asked(lambda store: store.number("SELECT max(serial) FROM outcomes"))

    def limit(self, max_outcomes: int, max_text_bytes: int) -> None:
        """Set the bounds; what is beyond them goes."""
        self._bounds.outcomes = max_outcomes
        self._bounds.text_bytes = max_text_bytes
        self._asked(lambda store: store.trim())

    def begun(self, request: Request) -> None:
        """List a request until it has `ended`."""
        self._underway[request.id] = (time.time(), request)

    def ended(self, request: Request) -> None:
        """List it no more."""
        self._underway.pop(request.id, None)

    def put(
        self, outcome: Outcome, ledger: Ledger | None = None, request: Request | None = None
    ) -> None:
        """Keep `outcome`, in place of an earlier state of the same request."""
        caller = outcome.caller or (request.tenant[:8] if request else "")
        keeps = request is not None and self.keeps_text and request.overrides.remember is not False
        text = _text(request, ledger) if request and keeps else None
        packed = ledger.packed() if ledger else b""
        self._pending.append(_Waiting(outcome, caller, packed, text))
        if text is not None or len(self._pending) == MANY:
            self._begin()
        elif len(self._pending) == 1:
            self._begin_soon()

    def get(self, key: str) -> Outcome | None:
        """Return the outcome of that id, without its verdicts; None where it is unknown or forgotten."""
        packed = self._asked(lambda store: store.one("outcomes", "packed", key))
        return packed and outcome_of(packed)

    def described(self, key: str) -> dict[str, Any] | None:
        """Return all that is kept of the request of that id, None where it is unknown or forgotten."""
        found = self.get(key)
        if found is None:
            return None
        ledger = self._asked(lambda store: store.one("ledgers", "ledger", key))
        rows = verdicts(_plain(ledger)) if ledger else []
        texts = self._asked(lambda store: store.one("texts", "texts", key))
        if texts:
            rows = [
                {**row, "text": text}
                for row, text in zip(rows, msgspec.json.decode(texts), strict=True)
            ]
        return {**found.summary(), "verdicts": rows}

    def request(self, key: str) -> Request | None:
        """Return the request of that id, None where it or its text is not kept."""
        asked = self._asked(lambda store: store.one("texts", "asked", key))
        body = self._asked(lambda store: store.one("texts", "body", key))
        return None if asked is None else _request(key, asked, body)

    def find(self, sought: Sought) -> list[Found]:
        """Return the latest outcomes that are sought, oldest first."""
        rows = self._asked(lambda store: store.find(sought))
        known = [(serial, outcome_of(packed), caller) for serial, packed, caller in rows]
        return [Found(serial, outcome, caller) for serial, outcome, caller in known if outcome]

    def totals(self, sought: Sought) -> dict[str, Any]:
        """Return the sums over all outcomes that are sought."""
        return self._asked(lambda store: sums.summed_up(store, sought))

    def choices(self) -> dict[str, list[str]]:
        """Return which results, models and the like there are to look for."""
        return self._asked(sums.values_found)

    def conversations(self, sought: Sought) -> list[dict[str, Any]]:
        """Return the conversations of the outcomes that are sought, the latest first, each summed up."""
        return self._asked(lambda store: sums.by_conversation(store, sought))

    def running(self) -> list[dict[str, Any]]:
        """Return the requests under way: id, when they came, and at which stage they are."""
        return [
            {"id": key, "started": round(at, 3), "stage": request.trace.stage or "deciding"}
            for key, (at, request) in list(self._underway.items())
        ]

    def write(self) -> None:
        """Write what waits, so that others find it."""
        self._asked(lambda store: None)

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._thread.submit(self._end)
        self._thread.shutdown()

    def _asked(self, work: Callable[[SqliteOutcomes], T]) -> T:
        """Return what the store answers, once all that was put is in it."""
        return self._thread.submit(lambda: work(self._store())).result()

    def _begin_soon(self) -> None:
        try:
            asyncio.get_running_loop().call_later(LATE, self._begin)
        except RuntimeError:  # nobody's loop: a test, or a command
            self._begin()

    def _begin(self) -> None:
        with suppress(RuntimeError):  # closed meanwhile, with all that was put
            self._thread.submit(self._store)

    def _end(self) -> None:
        if self._opened or self._pending:
            self._store().close()

    def _store(self) -> SqliteOutcomes:
        """Return the store, with all that was put; in the thread."""
        if self._opened is None:
            self._opened = SqliteOutcomes(self._path, self._bounds)
        entries = []
        while self._pending:
            entries.append(_entry(self._pending.popleft()))
        if entries:
            latest = {entry.row["id"]: entry for entry in entries}
            self._opened.put(list(latest.values()))
        return self._opened


def _plain(ledger: bytes) -> bytes:
    """Return a ledger as it was packed: JSON, which a small one is kept as."""
    return ledger if ledger.startswith(b"{") else zlib.decompress(ledger)


def _entry(waiting: _Waiting) -> StoreEntry:
    """Return what is stored of a request."""
    ledger = waiting.ledger
    if len(ledger) > SMALL:
        ledger = zlib.compress(ledger, 1)
    return StoreEntry(row_of(waiting.outcome, waiting.caller), ledger, waiting.text)


def _text(request: Request, ledger: Ledger | None) -> Text:
    """Return the text of a request."""
    return Text(_asked_for(request), request.body, ledger.texts() if ledger else b"[]")


def _asked_for(request: Request) -> bytes:
    """Return all but the body of a request; credentials are never kept: to explain it needs none."""
    wanted = request.overrides
    return msgspec.json.encode(
        {
            "format": request.format.name,
            "tenant": request.tenant,
            "model": request.model,
            "overrides": {**asdict(wanted), "budget": wanted.budget and asdict(wanted.budget)},
        }
    )


def _request(key: str, asked: bytes, body: bytes) -> Request | None:
    """Return a kept request, None where its API or one of its fields is not known any more."""
    kept = msgspec.json.decode(asked)
    given = kept["overrides"]
    wires = [wire for wire in load_formats().values() if wire.name == kept["format"]]
    if not wires or not given.keys() <= Overrides.__dataclass_fields__.keys():
        return None
    budget = given["budget"] and Budget(**given["budget"])
    wanted = Overrides(**{**given, "budget": budget})
    made = Request(wires[0], body, wanted, kept["tenant"], model=kept["model"])
    return structs.replace(made, id=key)
