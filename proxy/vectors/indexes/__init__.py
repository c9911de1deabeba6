"""Indexes: where vectors outlive the process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
EntryKey = tuple[str, str]  # tenant and segment id
INDEXES = {
    "chroma": "foveate.proxy.vectors.indexes.chroma:Chroma",
    "qdrant": "foveate.proxy.vectors.indexes.qdrant:Qdrant",
    "faiss": "foveate.proxy.vectors.indexes.faiss:Faiss",
    "pinecone": "foveate.proxy.vectors.indexes.pinecone:Pinecone",
    "in_memory": "foveate.proxy.vectors.indexes.in_memory:InMemory",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What an index holds of one segment; never its text."""

    id: str
    vector: Vector  # unit length
    first_seen: int  # seconds since the epoch
    recalls: int = 0  # how often it was recalled
    kind: str = ""  # of content: conversation, code, log, document or tool
    role: str = ""  # of whom it is
    tokens: int = 0
    topic: int = -1  # its number within the conversation, where it is known
    conversation: str = ""  # in which it was first seen


# What stands beside the vector, by the names of the fields
ABOUT = ("first_seen", "recalls", "kind", "role", "tokens", "topic", "conversation")


@dataclass(frozen=True, slots=True)
class Only:
    """Which entries a search may find: those that agree with all that is given."""

    ids: Collection[str] | None = None
    conversation: str = ""
    kinds: Collection[str] = ()
    roles: Collection[str] = ()
    topic: int | None = None
    since: int | None = None  # seconds since the epoch at which it was first seen, or later
    until: int | None = None  # or earlier

    def allows(self, entry: Entry) -> bool:
        """Say whether a search may find an entry."""
        return (
            (self.ids is None or entry.id in self.ids)
            and (not self.conversation or entry.conversation == self.conversation)
            and (not self.kinds or entry.kind in self.kinds)
            and (not self.roles or entry.role in self.roles)
            and (self.topic is None or entry.topic == self.topic)
            and (self.since is None or entry.first_seen >= self.since)
            and (self.until is None or entry.first_seen <= self.until)
        )


ANY = Only()


class VectorIndex(Protocol):
    """Keeps entries by tenant and segment id. Blocking; called from one thread at a time.

    A class is built with the keywords `collection`, `folder`, `url` and `key`, as far as it takes them, and
    without I/O. One that says `apart = True` works in a process of its own; its class is imported in every
    process, and a large client therefore best in `open`. Any method may raise: what fails is done without.
    """

    def open(self) -> None:
        """Connect or create; ConfigError where that cannot work."""

    def ids(self) -> Iterable[EntryKey] | None:
        """Return the keys of all that is stored; None where somebody else may store more."""

    def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Store entries, replacing those of the same id."""

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the entries of the ids that are stored."""

    def search(self, tenant: str, vector: Vector, most: int, only: Only = ANY) -> Mapping[str, float]:
        """Return the cosine of the `most` similar entries of a tenant that `only` allows, by id, the
        most similar first.
        """

    def delete(self, keys: Sequence[EntryKey]) -> None:
        """Delete entries; a key that is not there is no fault."""

    def expired(self, max_entries: int, oldest: int) -> Sequence[EntryKey]:
        """Return the keys of a few that were first seen before `oldest`, or stored first beyond
        `max_entries`.
        """

    def close(self) -> None:
        """Let go of files and connections."""
