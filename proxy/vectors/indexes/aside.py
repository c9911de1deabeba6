"""Sets aside what an index can no longer read, so that it begins anew in the same folder."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from foveate.proxy.vectors.indexes.lock import NAME

_log = logging.getLogger("foveate.vectors")


def set_aside(folder: Path, why: object) -> Path | None:
    """Move what is in a folder beside it, the lock aside, and return where; None where nothing is there
    or it cannot be moved.
    """
    there = [path for path in folder.iterdir() if path.name != NAME] if folder.is_dir() else []
    if not there:
        return None
    place = folder.with_name(f"{folder.name}.broken-{time.strftime('%Y%m%d-%H%M%S')}")
    try:
        place.mkdir(exist_ok=True)
        for path in there:
            path.rename(place / path.name)
    except OSError:
        return None
    _log.error(
        "the index in %s cannot be read (%s): it is set aside as %s and begun anew", folder, why, place
    )
    return place
