"""One request to decide on, and the decision."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.outcome import Outcome
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
    id: str = field(default_factory=lambda: f"prn-{secrets.token_hex(8)}")
    trace: Trace = field(default_factory=Trace)


@dataclass(frozen=True, slots=True)
class Decision:
    """The body to forward, and what led to it."""

    body: bytes
    outcome: Outcome
