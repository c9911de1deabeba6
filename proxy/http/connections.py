"""One connection of a caller: it has so long to say what it wants, and no more are held than there are files for."""

from __future__ import annotations

import asyncio
import logging
import math
from time import monotonic
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from foveate.proxy.errors import RequestError

_log = logging.getLogger("foveate.connections")
QUIET = 60.0  # seconds between two lines of the log
SPARE = 32  # connections that are held beyond the limit until they have been told so
FAREWELL = 1.0  # seconds that one which is turned away has to read why
TOO_MANY = RequestError(
    503, "more connections are open than there are files for", "server_error", "too_many_connections"
)
LATE = RequestError(408, "the end of the headers did not come in time", code="headers_timeout")
_ANSWER = b"HTTP/1.1 %d \r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"


class Connection(HttpToolsProtocol):
    """Serves one connection as uvicorn does, and hangs up on those who say nothing or say it byte by byte."""

    patience = 20.0  # seconds until a request's headers are there
    told = -math.inf  # when the log last said that there are too many

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._late: asyncio.TimerHandle | None = None
        self._begun = False  # headers of which the end has not come
        self._turned_away = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; one connection too many is told so at once."""
        super().connection_made(transport)
        most = self.limit_concurrency
        if most is not None and len(self.connections) > most + SPARE:
            self._turned_away = True
            self._tell()
            self._say(TOO_MANY)
            self.loop.call_later(FAREWELL, transport.close)
        else:
            self._late = self.loop.call_later(self.patience, self._hang_up)

    def data_received(self, data: bytes) -> None:
        """Read on, and wait so long at the most for the rest of the headers."""
        if self._turned_away:
            return
        super().data_received(data)
        if self._begun or self.cycle is None or self.cycle.response_complete:
            self._late = self._late or self.loop.call_later(self.patience, self._hang_up)
        else:
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._rest()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note that headers have begun."""
        super().on_message_begin()
        self._begun = True

    def on_headers_complete(self) -> None:
        """Note that they are there; one request too many is answered 503."""
        self._begun = False
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._tell()
        super().on_headers_complete()

    def _rest(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _hang_up(self) -> None:
        self._late = None
        if self.transport.is_closing():
            return
        if self._begun:
            self._say(LATE)
        self.transport.close()

    def _tell(self) -> None:
        if monotonic() - Connection.told > QUIET:
            Connection.told = monotonic()
            _log.warning("%s: some are answered 503", TOO_MANY)

    def _say(self, error: RequestError) -> None:
        content = error.body()
        self.transport.write(_ANSWER % (error.status, len(content), content))
