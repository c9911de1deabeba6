"""A request's body as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from io import BytesIO
from time import monotonic
from typing import Any

from foveate.proxy.errors import RequestError
from foveate.proxy.http.compression import inflated, is_plain
from foveate.proxy.http.headers import Headers, value_of

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


ROUNDS = 8  # of the event loop: behind a large body the server looks no further until it is asked
DIGITS = 18
PATIENCE = 60.0  # seconds of silence in the middle of a body
SLOWEST = 1024  # bytes a second that a body comes in at the least, beyond that


class HungUp(Exception):
    """The caller went away while sending."""


class Body:
    """A request's body as it arrives, `max_bytes` at the most; RequestError 413 beyond, HungUp where it
    breaks off.
    """

    def __init__(
        self, headers: Headers, receive: Receive, max_bytes: int, patience: float = PATIENCE
    ) -> None:
        self._receive = receive
        self._max = max_bytes
        self._patience = patience
        self._taken = 0
        self._waited = 0.0  # seconds, for what was taken
        self._ended = False
        self._peeked: bytes | None = None
        self._read_out: asyncio.Event | None = None  # for whoever waits for the end
        # Why it broke off: an upload's client wraps what it meets
        self.failure: RequestError | HungUp | None = None
        self._encoding = value_of(headers, b"content-encoding")
        declared = value_of(headers, b"content-length")
        # None where it comes in chunks, or not at all; of more digits than any has it is too large
        # whatever they are.
        self.size = int(declared[:DIGITS]) if declared.isdigit() else None
        self.expected = bool(self.size) or any(n == b"transfer-encoding" for n, _ in headers)
        if self.size is not None and self.size > max_bytes:
            raise self._too_large()

    async def peek(self) -> bytes:
        """Return the whole body, which is still there for whoever reads it."""
        if self._peeked is None:
            self._peeked = await self.read()
        return self._peeked

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        if self._peeked:
            yield self._peeked
        while not self._ended:
            piece = await self._piece()
            if piece:
                yield piece

    async def read(self) -> bytes:
        """Return the whole body."""
        if self._peeked is not None:
            return self._peeked
        first = await self._piece()
        if self._ended:
            return first
        whole = BytesIO()  # it gives what it holds without a copy
        whole.write(first)
        while not self._ended:
            whole.write(await self._piece())
        return whole.getvalue()

    async def inflated(self, content: bytes) -> bytes:
        """Return `content`, which is the whole body, without its compression, read beside the loop;
        nothing where it cannot be read, RequestError 413 where it holds more than a body may.
        """
        if is_plain(self._encoding):
            return content
        found = await asyncio.to_thread(inflated, content, self._encoding, self._max + 1)
        if len(found) > self._max:
            raise self._too_large("the request body without its compression")
        return found

    async def _piece(self) -> bytes:
        start = monotonic()
        left = self._patience + self._taken / SLOWEST - self._waited
        try:
            async with asyncio.timeout(min(self._patience, left)):
                message = await self._receive()
        except TimeoutError:
            self.failure = RequestError(
                408,
                f"the body came too slowly: {self._taken} bytes in {self._waited + monotonic() - start:.0f} seconds",
                code="body_timeout",
            )
            raise self.failure from None
        self._waited += monotonic() - start
        if message["type"] == "http.disconnect":
            self.failure = HungUp()
            raise self.failure
        if not message.get("more_body", False):
            self._ended = True
            if self._read_out is not None:
                self._read_out.set()
        piece: bytes = message.get("body", b"")
        self._taken += len(piece)
        if self._taken > self._max:
            self.failure = self._too_large()
            raise self.failure
        return piece

    async def hung_up(self) -> None:
        """Return when the caller goes away after the body has been read."""
        if self.expected and not self._ended:
            self._read_out = asyncio.Event()
            await self._read_out.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def is_gone(self) -> bool:
        """Say whether the caller has gone away since the body was read; takes nothing where it has not."""
        listening = asyncio.ensure_future(self._receive())
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
            if listening.done():
                return bool(listening.result()["type"] == "http.disconnect")
        listening.cancel()
        return False

    def _too_large(self, what: str = "the request body") -> RequestError:
        limit = f"{self._max / 1024 / 1024:g} MiB"
        return RequestError(
            413, f"{what} is larger than {limit} (server.max_body_mib)", code="body_too_large"
        )
