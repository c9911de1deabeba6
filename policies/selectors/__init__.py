"""Selectors: each fills the room left by the pins in its own way; one pure file each."""

from __future__ import annotations

from typing import Protocol

from foveate.policies.types import History, Scores


class Selector(Protocol):
    """Chooses which segments fill the room that the pins leave."""

    def select(self, history: History, scores: Scores, room: int) -> frozenset[int]:
        """Return positions of the chosen segments, pinned ones never among them, `room` tokens at the
        most.
        """
