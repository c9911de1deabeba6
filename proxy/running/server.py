"""uvicorn's server, which leaves in order: readiness first, then the door, then the streams."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import time
from socket import socket
from types import FrameType

import uvicorn
from starlette.datastructures import State

from foveate.proxy.config.schema import ServerSettings

_log = logging.getLogger("foveate.server")
MOST_NAMED = 20  # requests whose ids are told where they are cut off


class Server(uvicorn.Server):
    """Serves until SIGTERM or SIGINT; SIGHUP has it read its settings.

    Told to end, it is unready for `server.notice` seconds, then takes nothing new, and gives what is
    under way `server.drain` seconds. Told twice, it does not wait for the notice; SIGINT once more cuts
    everything off.
    """

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state
        self._closes_at = math.inf
        self._reload = False
        self._terminal = has_terminal()

    @property
    def _settings(self) -> ServerSettings:
        found: ServerSettings = self._state.services.settings.server
        return found

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave."""
        first = math.isinf(self._closes_at)
        self._state.leaving = True
        self._closes_at = time.monotonic() + (self._settings.notice if first else 0)
        if first and self._settings.notice:
            self._captured_signals.append(sig)
        else:
            super().handle_exit(sig, frame)

    def handle_hang_up(self, sig: int, frame: FrameType | None) -> None:
        """Have the settings read anew; end like any other request to where the terminal has gone."""
        if self._terminal and not has_terminal():
            signal.raise_signal(signal.SIGTERM)
        else:
            self._reload = True

    def run(self, sockets: list[socket] | None = None) -> None:
        """Serve until told to end."""
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self.handle_hang_up)
        super().run(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Do what signals have asked for; say whether it is time to go."""
        if self._reload:
            self._reload = False
            self._state.reload()
        if time.monotonic() >= self._closes_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Take nothing new, and let what is under way end."""
        drain = self._settings.drain
        self.config.timeout_graceful_shutdown = math.ceil(drain)
        self._tell_what_is_left(drain)
        timer = asyncio.get_running_loop().call_later(drain, self._cut_off)
        await super().shutdown(sockets)
        timer.cancel()

    def _tell_what_is_left(self, drain: float) -> None:
        left = len(self.server_state.tasks)
        if left:
            _log.warning("told to end: %d requests under way have %g seconds", left, drain)

    def _cut_off(self) -> None:
        """Say what has not ended in time, and end it."""
        left = list(self.server_state.tasks)
        if not left:
            return
        running = [str(row["id"]) for row in self._state.services.parts.recent.running()]
        named = ", ".join(running[:MOST_NAMED])
        _log.warning(
            "%g seconds are over: cut off %d requests%s",
            self._settings.drain,
            len(left),
            named and f": {named}",
        )
        for task in left:
            task.cancel()


def has_terminal() -> bool:
    """Say whether the process has a terminal that could close."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
