"""One request to decide on, and the decision."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from foveate.proxy.http.overrides import Overrides
from foveate.proxy.pruning.outcome import Ledger, Outcome
from foveate.proxy.trace import Trace


def new_id() -> str:
    """Return an id to look a request up by; it is no secret."""
    return f"prn-{random.getrandbits(64):016x}"


class Asked(msgspec.Struct, frozen=True):
    """One request: its body, what its headers ask for, and whose it is."""

    body: bytes
    overrides: Overrides
    tenant: str
    credentials: Sequence[tuple[bytes, bytes]] = ()  # headers that let us ask the upstream for the caller
    rehearsal: bool = False  # for an explanation: decided whatever `mode` says, and neither remembered nor counted
    id: str = msgspec.field(default_factory=new_id)
    trace: Trace = msgspec.field(default_factory=Trace)


class Decision(msgspec.Struct, frozen=True):
    """The body to forward, and what led to it."""

    body: bytes
    outcome: Outcome
    ledger: Ledger | None = None  # None where nothing was decided segment by segment
