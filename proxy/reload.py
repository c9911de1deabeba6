"""What became of changes to the settings file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Reloads:
    """Counts changes; `problem` says why the latest was refused, and what of it waits for a restart."""

    applied: int = 0
    refused: int = 0
    problem: str = ""
    waiting: str = ""

    def counts(self) -> dict[str, int]:
        """Return how many changes were applied and refused."""
        return {"applied": self.applied, "refused": self.refused}
