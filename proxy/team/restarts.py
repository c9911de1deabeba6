"""How often processes of a team were begun anew: counted by whoever watches over them, read by all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import orjson

from foveate.proxy.team import Team

NAME = "begun-anew.json"
ENDED = "ended"
STALLED = "stalled"
WHY = (ENDED, STALLED)


class Restarts:
    """Counts them."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._counts: Counter[str] = Counter()

    def count(self, why: str) -> None:
        """Count one."""
        self._counts[why] += 1
        fresh = self._path.with_suffix(".new")
        with suppress(OSError):
            fresh.write_bytes(orjson.dumps(self._counts))
            fresh.replace(self._path)


def restarts_of(team: Team | None) -> Mapping[str, int]:
    """Return the counts by why; zeros where there is no team, or nothing has happened."""
    found: dict[str, int] = {}
    if team is not None:
        with suppress(OSError, ValueError):
            found = orjson.loads((team.folder / NAME).read_bytes())
    return {why: found.get(why, 0) for why in WHY}
