"""A process that is watched over: begun anew where it ends, and ended where it stands still."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from foveate.proxy.team.pulse import BEAT
from foveate.proxy.team.restarts import ENDED, STALLED

_log = logging.getLogger("foveate.workers")
SHORT = 5.0  # seconds: a process that has lived no longer is begun anew after a pause,
PAUSE = 2.0  # seconds
LOADING = 60.0  # seconds more that one may be silent which has just been begun
TELLING = 1.0  # seconds that one has to write where it stands, before it is ended
LOOK = 1.0  # seconds of silence that count between two looks: whoever looks may have been stopped too
SAYS_WHERE = signal.SIGUSR1 if sys.platform != "win32" else signal.SIGTERM


class Watched:
    """A process that is there as long as it is wanted, and shows that it does something."""

    def __init__(self, name: str, command: Sequence[str], told: bytes, stall: float) -> None:
        self.name = name
        self._command = [sys.executable, "-P", "-c", *command]
        self._told = told
        self._stall = stall  # seconds of silence until it is ended; 0: never
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._begun_at = 0.0
        self._again_at = 0.0
        self._looked_at = 0.0
        self._silent = 0.0  # seconds
        self._asked = False  # where it stands
        self._why = ENDED
        self._words = b""

    def begin(self) -> None:
        """Begin it; it ends where this process does, as its standard input does then."""
        self._begun_at = self._looked_at = time.monotonic()
        self._silent, self._asked, self._why, self._words = -LOADING, False, ENDED, b""
        if self._line is not None:
            self._line.close()
        self._line, other = socket.socketpair()
        with other:
            # An interrupt from the terminal is for this process, which ends the others
            self._process = subprocess.Popen(
                self._command, stdin=other.fileno(), start_new_session=True
            )
        with suppress(OSError):  # it has ended already, which is seen in a moment
            self._line.sendall(self._told)
        self._line.setblocking(False)

    def code(self) -> int | None:
        """Return the exit code where it has ended."""
        return self._process.poll() if self._process is not None else None

    def watch(self) -> str | None:
        """Return why it is begun anew, where it was just now; after a pause where it had just begun."""
        code = self.code()
        if code is None:
            self._listen()
            return None
        now = time.monotonic()
        if not self._again_at:
            pause = PAUSE if now - self._begun_at < SHORT else 0.0
            self._again_at = now + pause
            told = ", ".join(filter(None, [said_of(code), self.last_words()]))
            _log.error("%s has ended (%s) and is begun anew", self.name, told)
        if now < self._again_at:
            return None
        self._again_at = 0.0
        why = self._why
        self.begin()
        return why

    def _listen(self) -> None:
        """End it where it has shown nothing for too long."""
        now = time.monotonic()
        passed = min(now - self._looked_at, LOOK)
        self._looked_at = now
        if self._heard():
            self._silent, self._asked = 0.0, False
            return
        self._silent += passed
        if not self._stall or self._silent < self._stall:
            return
        if not self._asked:
            self._asked = True
            self.send(SAYS_WHERE)
        elif self._silent >= self._stall + TELLING:
            self._why = STALLED
            _log.error("%s has stood still for %.0f seconds and is ended", self.name, self._silent)
            self.send(signal.SIGKILL)

    def _heard(self) -> bool:
        """Say whether it has shown anything since the last look."""
        assert self._line is not None
        try:
            found = self._line.recv(4096)
        except OSError:
            return False
        self._words += found.replace(BEAT, b"")
        return bool(found)

    def last_words(self) -> str:
        """Return why it has ended, as far as it has said so."""
        while self._heard():
            pass
        return self._words.decode("utf-8", "replace")

    def send(self, sig: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(sig)

    def close(self, seconds: float) -> None:
        """Wait so long for its end, then end it."""
        if self._process is None or self._line is None:
            return
        self._line.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def said_of(code: int) -> str:
    """Return how a process has ended."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
