"""How scores come together: the shape of a conversation, its topics, what flows along it, and the
weighted sum.
"""

from __future__ import annotations

from typing import Protocol

from foveate.policies.types import History, Scores


class Graph(Protocol):
    """Lets scores flow between segments that belong together; linear, so that each signal's share stays
    known.
    """

    def flow(self, history: History, scores: Scores) -> Scores:
        """Return shape (n,)."""


class Fusion(Protocol):
    """Brings signals of different units together."""

    def share(self, scores: Scores, weights: Scores, raw: bool) -> Scores:
        """Return what one signal adds to each segment's score, shape (n,); `raw` asks for its own
        units.
        """
