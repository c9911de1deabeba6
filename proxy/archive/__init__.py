"""What clients have stopped sending: texts of earlier requests, encrypted, where memory is on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from foveate.policies.types import Segment


@dataclass(frozen=True, slots=True)
class ArchiveBounds:
    """How long and how much is kept."""

    days: float = 30  # since a text was last sent
    max_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Trail:
    """How a conversation is found again: by its name, else by how its request begins and ends."""

    name: str = ""  # of the session, where the caller gives one
    links: Sequence[str] = ()  # a hash of each beginning of the request, shortest first
    ids: Sequence[str] = ()  # of the items that are no instructions


@dataclass(frozen=True, slots=True)
class Passage:
    """A conversation that is known, or begins now."""

    conversation: str
    # What was quoted ahead of a user's item, by the item's id; a turn that needed nothing is listed too
    quotes: Mapping[str, tuple[Segment, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Talk:
    """What is kept of one conversation, as it is told to whoever runs the proxy."""

    tenant: str
    conversation: str
    segments: int
    bytes: int
    first: int  # seconds since the epoch
    last: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """A segment that is kept, with where it was said."""

    conversation: str
    position: int
    segment: Segment
