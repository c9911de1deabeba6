"""The requests under way and the latest outcomes, to be looked up by id."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

import msgspec
from msgspec import structs

from foveate.proxy.pruning.outcome import Ledger, Outcome, verdicts
from foveate.proxy.pruning.request import Request

MAX_LEDGERS = 16 * 1024 * 1024  # bytes of packed ledgers: thousands of segments a request add up


class _Kept(msgspec.Struct, frozen=True):
    """A finished request."""

    serial: int  # grows with every change
    outcome: Outcome
    ledger: bytes = b""  # packed; empty where nothing was decided segment by segment
    request: Request | None = None  # itself, where text is kept
    texts: bytes = b""  # of its segments, as JSON

    @property
    def text_bytes(self) -> int:
        """What keeping the text takes."""
        return len(self.request.body) + len(self.texts) if self.request else 0


class Recent:
    """Keeps the last `max_outcomes`; the text of their messages within `max_text_bytes`, 0 for none at
    all.
    """

    def __init__(self, max_outcomes: int, max_text_bytes: int = 0) -> None:
        self.epoch = time.time_ns()  # serials of another process mean nothing
        self.serial = 0
        self.text_bytes = self._ledger_bytes = 0
        self._outcomes: OrderedDict[str, _Kept] = OrderedDict()
        self._underway: dict[str, tuple[float, Request]] = {}
        self.limit(max_outcomes, max_text_bytes)

    def __len__(self) -> int:
        return len(self._outcomes)

    @property
    def keeps_text(self) -> bool:
        """Say whether the text of messages is kept."""
        return self._max_text > 0

    def limit(self, max_outcomes: int, max_text_bytes: int) -> None:
        """Set the bounds; what is beyond them goes."""
        self._max = max_outcomes
        self._max_text = max_text_bytes
        self._trim()

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
        self._forget(outcome.id)
        self.serial += 1
        kept = _Kept(self.serial, outcome, ledger.packed() if ledger else b"")
        if request is not None and self.keeps_text:
            # Credentials are never kept: explaining the request again needs none.
            own = structs.replace(request, credentials=())
            kept = structs.replace(kept, request=own, texts=ledger.texts() if ledger else b"[]")
        self._outcomes[outcome.id] = kept
        self.text_bytes += kept.text_bytes
        self._ledger_bytes += len(kept.ledger)
        self._trim()

    def get(self, key: str) -> Outcome | None:
        """Return the outcome of that id, without its verdicts; None where it is unknown or forgotten."""
        kept = self._outcomes.get(key)
        return kept.outcome if kept else None

    def described(self, key: str) -> dict[str, Any] | None:
        """Return all that is kept of the request of that id, None where it is unknown or forgotten."""
        kept = self._outcomes.get(key)
        if kept is None:
            return None
        rows = verdicts(kept.ledger) if kept.ledger else []
        if kept.request:
            rows = [
                {**row, "text": text}
                for row, text in zip(rows, msgspec.json.decode(kept.texts), strict=True)
            ]
        return {**kept.outcome.summary(), "verdicts": rows}

    def request(self, key: str) -> Request | None:
        """Return the request of that id, None where it or its text is not kept."""
        kept = self._outcomes.get(key)
        return kept.request if kept else None

    def since(self, serial: int) -> list[Outcome]:
        """Return what came after `serial`, oldest first."""
        found = []
        for kept in reversed(self._outcomes.values()):
            if kept.serial <= serial:
                break
            found.append(kept.outcome)
        return found[::-1]

    def running(self) -> list[dict[str, Any]]:
        """Return the requests under way: id, when they came, and at which stage they are."""
        return [
            {"id": key, "started": round(at, 3), "stage": request.trace.stage or "deciding"}
            for key, (at, request) in self._underway.items()
        ]

    def _trim(self) -> None:
        while len(self._outcomes) > self._max or self._ledger_bytes > MAX_LEDGERS:
            self._forget(next(iter(self._outcomes)))
        if self.text_bytes > self._max_text:
            for key, kept in self._outcomes.items():
                if self.text_bytes <= self._max_text:
                    break
                if kept.request:
                    self.text_bytes -= kept.text_bytes
                    self._outcomes[key] = structs.replace(kept, request=None, texts=b"")

    def _forget(self, key: str) -> None:
        kept = self._outcomes.pop(key, None)
        if kept:
            self.text_bytes -= kept.text_bytes
            self._ledger_bytes -= len(kept.ledger)
