"""How a process shows whoever watches over it that it still does something: a byte now and then."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

PERIOD = 0.5  # seconds between two
BEAT = b"\0"  # all else on the line is words


class Pulse:
    """The process's own end of the line that its standard input is."""

    def __init__(self) -> None:
        self._line = socket.socket(fileno=os.dup(0))

    def beat(self) -> None:
        """Show it once."""
        with suppress(OSError):  # nobody listens at the moment, or ever again
            self._line.send(BEAT, socket.MSG_DONTWAIT)

    def tell(self, words: str) -> None:
        """Say why this process ends."""
        with suppress(OSError):
            self._line.sendall(words.encode())

    @asynccontextmanager
    async def of_loop(self) -> AsyncIterator[None]:
        """Show meanwhile that the event loop goes round."""
        beating = asyncio.create_task(self._beating())
        try:
            yield
        finally:
            beating.cancel()

    async def _beating(self) -> None:
        while True:
            self.beat()
            await asyncio.sleep(PERIOD)

    def of_threads(self) -> None:
        """Show from now on that threads get to work."""
        threading.Thread(target=self._beat_on, daemon=True).start()

    def _beat_on(self) -> None:
        while True:
            self.beat()
            time.sleep(PERIOD)
