"""Keeps a folder for one foveate at a time: two that write one index damage it."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from typing import IO

from foveate.proxy.errors import ConfigError

if sys.platform != "win32":
    import fcntl

NAME = "foveate.lock"
PATIENCE = 5.0  # seconds that an earlier process has to let go, as when one takes over from another


def held(folder: Path, owner: int, patience: float = PATIENCE) -> IO[str] | None:
    """Return the open lock of a folder for the process `owner`; it is let go where it is closed, or its
    holder ends.

    ConfigError where another owner has it. None where this one has it already, or the system has no
    such locks.
    """
    if sys.platform == "win32":
        return None
    folder.mkdir(parents=True, exist_ok=True)
    lock = open(folder / NAME, "a+")  # noqa: SIM115
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):  # a file system without such locks
                lock.close()
                return None
            lock.seek(0)
            holder = lock.read().strip()
            if holder == str(owner):
                lock.close()
                return None
            if time.monotonic() > end:
                lock.close()
                raise ConfigError(
                    f"{folder} is in use by another foveate (process {holder or 'unknown'}); "
                    "serve with more --workers instead, or give this one a folder of its own with --data; several "
                    "share with index.url and state.type redis"
                ) from None
            time.sleep(0.1)
            continue
        lock.truncate(0)
        lock.write(str(owner))
        lock.flush()
        os.fsync(lock.fileno())
        return lock
