"""Views of an outcome: response headers, metrics, logs, traces, the latest requests."""

from __future__ import annotations

from typing import Protocol

from foveate.proxy.pruning.outcome import Outcome


class Observer(Protocol):
    """Somebody who is told how each request that could be pruned has ended."""

    def observe(self, outcome: Outcome) -> None:
        """Take note of a finished one."""

    def close(self) -> None:
        """Hand on what waits."""
