"""Signals: each judges a segment by one thing; one pure file each."""

from __future__ import annotations

from typing import Protocol

from foveate.policies.types import History, Scores


class Signal(Protocol):
    """Judges each segment by itself: one finite number a segment, larger is better, in any unit."""

    def score(self, history: History) -> Scores:
        """Return shape (n,)."""
