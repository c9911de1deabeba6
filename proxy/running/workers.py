"""Several workers: begun, watched over, and told together to end or to read the settings."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable
from types import FrameType

import typer

from foveate.proxy.config.schema import Settings
from foveate.proxy.errors import ConfigError
from foveate.proxy.running.server import has_terminal
from foveate.proxy.running.watched import Watched
from foveate.proxy.running.worker import CANNOT, COMMAND, Job
from foveate.proxy.team import Team, leave, meeting_place
from foveate.proxy.team.restarts import Restarts
from foveate.proxy.vectors.indexes import owner
from foveate.proxy.watcher import Source

PERIOD = 0.1  # seconds between looks at the processes
GRACE = 10.0  # seconds beyond the drain that a worker has to end
Signal = signal.Signals


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
        stall = settings.server.stall
        self._restarts = Restarts(self._folder)
        self._index = Watched("the index's process", [owner.COMMAND, place], b"", stall)
        self._workers = [
            Watched(
                f"worker {number}",
                [COMMAND],
                pickle.dumps(Job(source, settings, Team(number, self._folder, epoch), address)),
                stall,
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
            if not serving:
                self._check_able()
            if not serving and self._all_answer():
                serving = True
                tell()
            for each in (self._index, *self._workers):
                why = each.watch()
                if why is not None:
                    self._restarts.count(why)
            time.sleep(PERIOD)

    def _check_able(self) -> None:
        """Say why a worker cannot serve, which is the same for all; SystemExit then."""
        for each in self._workers:
            if each.code() == CANNOT:
                typer.echo(f"foveate: {each.last_words()}", err=True)
                raise SystemExit(CANNOT)

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


def check_possible(count: int) -> None:
    """Raise ConfigError where this system cannot have several workers."""
    if count > 1 and os.name != "posix":
        raise ConfigError(
            f"server.workers {count} needs a system with sockets that processes share; set it to 1"
        )
