"""Several workers of one host: who they are, where they meet, and what they ask each other."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

LONGEST = 90  # characters of a socket's path: systems take 104 or 108


@dataclass(frozen=True, slots=True)
class Team:
    """One worker's place among those of its host."""

    number: int  # from 0; whoever is begun anew in a place has its number
    folder: Path  # where they meet, which nobody else may enter
    epoch: int  # nanoseconds: when the first of them was begun

    @property
    def index_address(self) -> str:
        """Where the process listens that has the index for all of them."""
        return str(self.folder / "index.sock")

    def peer_address(self, number: int) -> str:
        """Return where a worker answers the others."""
        return str(self.folder / f"worker-{number}.sock")


def meeting_place(data: Path) -> Path:
    """Return a new, empty folder for a team: under `data`, or a temporary one where paths there are too
    long for a socket.
    """
    folder = data / "run"
    if len(str(folder)) > LONGEST - len("/worker-000.sock"):
        return Path(tempfile.mkdtemp(prefix="foveate-"))
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o700)
    leave(folder)
    return folder


def leave(folder: Path) -> None:
    """Take away what a team has left in its folder."""
    for each in folder.iterdir():
        each.unlink(missing_ok=True)
