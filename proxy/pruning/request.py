"""One request to decide on, what is wanted of it, and the decision."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

import msgspec

from foveate.policies.policy import Policy
from foveate.proxy.formats import Format
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.pruning.outcome import Ledger, Outcome
from foveate.proxy.trace import Trace

Mode = Literal["on", "off", "dry-run"]


def new_id() -> str:
    """Return an id to look a request up by; it is no secret."""
    return f"prn-{random.getrandbits(64):016x}"


class Request(msgspec.Struct, frozen=True):
    """One request: its body, what its headers ask for, and whose it is."""

    format: Format
    body: bytes
    overrides: Overrides
    tenant: str
    # Headers that let us ask the upstream for the caller
    credentials: Sequence[tuple[bytes, bytes]] = ()
    model: str = ""  # that the path names, as Azure's deployments do
    # For an explanation: decided whatever `mode` says, and neither remembered nor counted
    rehearsal: bool = False
    id: str = msgspec.field(default_factory=new_id)
    trace: Trace = msgspec.field(default_factory=Trace)


class Wanted(msgspec.Struct, frozen=True):
    """What is wanted of a request, once settings and headers are brought together."""

    mode: Mode
    policy: Policy
    insisted: bool  # the caller names the policy: what another has decided does not hold
    sticky: bool  # earlier decisions stand, and this one is remembered
    budgeted: bool = False  # the caller sets the budget
    ceiling: int | None = None  # tokens that the upstream has refused, where it has
    thrifty: bool = False  # cut where that pays, too
    distrusted: bool = False  # the upstream has refused the bound reasoning: all of it goes


class Decision(msgspec.Struct, frozen=True):
    """The body to forward, and what led to it."""

    body: bytes
    outcome: Outcome
    ledger: Ledger | None = None  # None where nothing was decided segment by segment
