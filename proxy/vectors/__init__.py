"""Vectors of segments: made, kept and looked up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What vectors may take."""

    deadline: float = 0.3  # seconds of a decision; infinite where it waits for all of them
    max_entries: int = 100_000  # in the index
    max_age_days: float = 90  # since an entry was first seen
    threads: int = 1  # that embed for a request that waits


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom segments belong to, and where they are said."""

    tenant: str
    conversation: str = ""  # empty where it is not told
