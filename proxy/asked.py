"""One request to decide on, and the decision."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.outcome import Ledger, Outcome
from proxy.overrides import Overrides
from proxy.trace import Trace


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its body, what its headers ask for, and whose it is."""

    body: bytes
    overrides: Overrides
    tenant: str
    credentials: Sequence[tuple[bytes, bytes]] = ()  # headers that let us ask the upstream for the caller
    rehearsal: bool = False  # for an explanation: decided whatever `mode` says, and neither remembered nor counted
    id: str = field(default_factory=lambda: f"prn-{random.getrandbits(64):016x}")  # to look it up by, no secret
    trace: Trace = field(default_factory=Trace)


@dataclass(frozen=True, slots=True)
class Decision:
    """The body to forward, and what led to it."""

    body: bytes
    outcome: Outcome
    ledger: Ledger | None = None  # None where nothing was decided segment by segment
