"""Indexes: where vectors outlive the process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Entry:
    """What an index holds of one segment; never its text."""

    id: str
    vector: NDArray[np.float32]  # unit length
    kind: str
    role: str
    tokens: int
    first_seen: int  # seconds since the epoch
    recalls: int = 0  # how often it was recalled


class VectorIndex(Protocol):
    """Keeps entries by tenant and segment id. Blocking; called from one thread at a time."""

    def open(self) -> None:
        """Connect or create; ConfigError where that cannot work."""

    def ids(self) -> Iterable[tuple[str, str]] | None:
        """Return tenant and id of all that is stored; None where somebody else may store more."""

    def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Store entries, replacing those of the same id."""

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Return the entries of the ids that are stored."""

    def trim(self, max_entries: int, oldest: int) -> Sequence[tuple[str, str]]:
        """Delete a few of what was first seen before `oldest`, or stored first beyond `max_entries`.

        Return tenant and id of what went: asked again until nothing does, so that reads come between.
        """

    def close(self) -> None:
        """Let go of files and connections."""
