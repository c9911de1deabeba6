"""Several workers: begun, begun anew where one dies, and told together to end or to read the settings."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from foveate.proxy.config.schema import Settings
from foveate.proxy.errors import ConfigError
from foveate.proxy.running.server import has_terminal
from foveate.proxy.running.worker import CANNOT, COMMAND, Job
from foveate.proxy.team import Team, leave, meeting_place
from foveate.proxy.vectors.indexes import owner
from foveate.proxy.watcher import Source

_log = logging.getLogger("foveate.workers")
PERIOD = 0.1  # seconds between looks at the processes
GRACE = 10.0  # seconds beyond the drain that a worker has to end
SHORT = 5.0  # seconds: a process that has lived no longer is begun anew after a pause,
PAUSE = 2.0  # seconds
Signal = signal.Signals


class Watched:
    """A process that is there as long as it is wanted."""

    def __init__(self, name: str, command: Sequence[str], told: bytes) -> None:
        self.name = name
        self._command = [sys.executable, "-P", "-c", *command]
        self._told = told
        self._process: subprocess.Popen[bytes] | None = None
        self._begun_at = 0.0
        self._again_at = 0.0

    def begin(self) -> None:
        """Begin it; it ends where this process does, as its standard input does then."""
        self._begun_at = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            # An interrupt from the terminal is for this process, which ends the others
            start_new_session=True,
        )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(self._told)
            self._process.stdin.flush()
        except BrokenPipeError:  # it has ended already, which is seen in a moment
            pass

    def code(self) -> int | None:
        """Return the exit code where it has ended."""
        return self._process.poll() if self._process is not None else None

    def watch(self) -> None:
        """Begin it anew where it has ended; after a pause where it had just begun."""
        code = self.code()
        if code is None:
            return
        now = time.monotonic()
        if not self._again_at:
            pause = PAUSE if now - self._begun_at < SHORT else 0.0
            self._again_at = now + pause
            _log.error("%s has ended (%s) and is begun anew", self.name, said_of(code))
        if now >= self._again_at:
            self._again_at = 0.0
            self.begin()

    def send(self, sig: Signal) -> None:
        """Send it a signal."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(sig)

    def close(self, seconds: float) -> None:
        """Wait so long for its end, then end it."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Workers:
    """The workers of this host, and the process that has the index for all of them."""

    def __init__(
        self, source: Source, settings: Settings, address: tuple[str, int], count: int
    ) -> None:
        self._server = settings.server
        self._folder = meeting_place(settings.data.expanduser())
        self._signals: list[Signal] = []
        self._terminal = has_terminal()
        epoch = time.time_ns()
        place = Team(0, self._folder, epoch).index_address
        self._index = Watched("the index's process", [owner.COMMAND, place], b"")
        self._workers = [
            Watched(
                f"worker {number}",
                [COMMAND],
                pickle.dumps(Job(source, settings, Team(number, self._folder, epoch), address)),
            )
            for number in range(count)
        ]

    def run(self, tell: Callable[[], None]) -> None:
        """Serve until told to end, and `tell` once all do; SystemExit where the workers cannot."""
        for sig in (Signal.SIGTERM, Signal.SIGINT, Signal.SIGHUP):
            signal.signal(sig, self._caught)
        for each in (self._index, *self._workers):
            each.begin()
        try:
            self._watched(tell)
        finally:
            self._ended()

    def _watched(self, tell: Callable[[], None]) -> None:
        serving = False
        while True:
            for sig in self._taken():
                if sig is not Signal.SIGHUP:
                    return
                for each in self._workers:
                    each.send(sig)
            codes = [each.code() for each in self._workers]
            if not serving and CANNOT in codes:
                raise SystemExit(CANNOT)  # a worker has said why
            if not serving and self._all_answer():
                serving = True
                tell()
            for each in (self._index, *self._workers):
                each.watch()
            time.sleep(PERIOD)

    def _all_answer(self) -> bool:
        """Say whether every worker serves by now."""
        return len(list(self._folder.glob("worker-*.sock"))) == len(self._workers)

    def _ended(self) -> None:
        """End all: the workers in their order of doing so, then the index's process."""
        for each in self._workers:
            each.send(Signal.SIGTERM)
        end = time.monotonic() + self._server.notice + self._server.drain + GRACE
        while any(each.code() is None for each in self._workers) and time.monotonic() < end:
            for sig in self._taken():
                for each in self._workers:
                    each.send(sig)
            time.sleep(PERIOD)
        for each in self._workers:
            each.close(0)
        self._index.close(GRACE)
        leave(self._folder)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(Signal(number))

    def _taken(self) -> list[Signal]:
        """Return the signals that have come; a terminal that has gone means to end."""
        taken, self._signals = self._signals, []
        gone = self._terminal and not has_terminal()
        return [Signal.SIGTERM if sig is Signal.SIGHUP and gone else sig for sig in taken]


def said_of(code: int) -> str:
    """Return how a process has ended."""
    return Signal(-code).name if code < 0 else f"exit code {code}"


def check_possible(count: int) -> None:
    """Raise ConfigError where this system cannot have several workers."""
    if count > 1 and os.name != "posix":
        raise ConfigError(
            f"server.workers {count} needs a system with sockets that processes share; set it to 1"
        )
