"""What each worker has counted, as a file that outlives it, so that no count is lost with a worker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from foveate.proxy.team import Team

PERIOD = 1.0  # seconds between two


class Snapshots:
    """Writes this worker's every second, and reads those of workers that have ended."""

    def __init__(self, team: Team, taken: Callable[[], str]) -> None:
        self._folder = team.folder
        self._own = team.folder / f"metrics-{team.number}-{os.getpid()}"
        self._taken = taken

    async def run(self) -> None:
        """Write it until cancelled, and then once more."""
        try:
            while True:
                await asyncio.to_thread(self.write)
                await asyncio.sleep(PERIOD)
        finally:
            self.write()

    def write(self) -> None:
        """Write it whole or not at all."""
        fresh = self._own.with_suffix(".new")
        with suppress(OSError):
            fresh.write_text(self._taken())
            fresh.replace(self._own)

    def ended(self) -> list[str]:
        """Return what those have counted that have ended."""
        found: list[str] = []
        for each in self._folder.glob("metrics-*-*"):
            if not each.suffix and each != self._own and not lives(each):
                with suppress(OSError):
                    found.append(each.read_text())
        return found


def lives(snapshot: Path) -> bool:
    """Say whether the process that has written a snapshot is there."""
    try:
        os.kill(int(snapshot.name.rpartition("-")[2]), 0)
    except (OSError, ValueError):
        return False
    return True
