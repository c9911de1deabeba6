"""Carries a request to the upstream and its answer back; owns the upstream connection whatever happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from proxy.errors import RequestError, UpstreamError
from proxy.upstreams import Headers, Upstream, UpstreamRequest

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_log = logging.getLogger("foveate.relay")
CLIENT_CLOSED_REQUEST = 499  # nginx's code for a caller who hung up
JSON: Headers = [(b"content-type", b"application/json")]


class HungUp(Exception):
    """The caller went away while sending."""


class Body:
    """A request's body as it arrives, `max_bytes` at the most; RequestError 413 beyond, HungUp where it breaks off."""

    def __init__(self, headers: Headers, receive: Receive, max_bytes: int) -> None:
        self._receive = receive
        self._max = max_bytes
        self._ended = asyncio.Event()
        declared = next((v for n, v in headers if n == b"content-length"), b"")
        self.size = int(declared) if declared.isdigit() else None  # None where it comes in chunks, or not at all
        self.expected = bool(self.size) or any(n == b"transfer-encoding" for n, _ in headers)
        if self.size is not None and self.size > max_bytes:
            raise self._too_large()

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        taken = 0
        while not self._ended.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise HungUp
            if not message.get("more_body", False):
                self._ended.set()
            piece: bytes = message.get("body", b"")
            taken += len(piece)
            if taken > self._max:
                raise self._too_large()
            if piece:
                yield piece

    async def read(self) -> bytes:
        """Return the whole body."""
        return b"".join([piece async for piece in self.stream()])

    async def hung_up(self) -> None:
        """Return when the caller goes away after the body has been read."""
        if self.expected:
            await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _too_large(self) -> RequestError:
        limit = f"{self._max / 1024 / 1024:g} MiB"
        return RequestError(
            413, f"the request body is larger than {limit} (server.max_body_mib)", code="body_too_large"
        )


class Relay:
    """One request's way to the upstream and back."""

    def __init__(self, upstream: Upstream, body: Body, send: Send, extra: Headers) -> None:
        self._upstream = upstream
        self._body = body
        self._send = send
        self._extra = extra  # response headers of our own, in place of the upstream's of the same name
        self._started = False
        self._finished = False

    async def run(self, request: UpstreamRequest) -> int:
        """Relay the answer chunk by chunk and return its status, 499 where the caller hung up.

        RequestError where nothing has been sent yet; after that the answer is left unfinished, as the upstream's was.
        """
        task = asyncio.current_task()
        assert task is not None
        gone = False

        async def watch() -> None:
            nonlocal gone
            await self._body.hung_up()
            if not self._finished:
                gone = True
                task.cancel()

        watcher = asyncio.create_task(watch())
        try:
            return await self._exchange(request)
        except HungUp:
            return CLIENT_CLOSED_REQUEST
        except UpstreamError as error:
            if not self._started:
                raise
            _log.warning("%s", error)
            return error.status
        except asyncio.CancelledError:
            if not gone:
                raise
            task.uncancel()
            return CLIENT_CLOSED_REQUEST
        finally:
            watcher.cancel()

    async def _exchange(self, request: UpstreamRequest) -> int:
        response = await self._upstream.send(request)
        try:
            own = {name for name, _ in self._extra}
            headers = [(n, v) for n, v in response.headers if n not in own] + self._extra
            await self._send({"type": "http.response.start", "status": response.status, "headers": headers})
            self._started = True
            async for chunk in response.body:
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
            self._finished = True
            await self._send({"type": "http.response.body", "body": b""})
        finally:
            await response.aclose()
        return response.status


async def refuse(send: Send, error: RequestError, extra: Headers) -> int:
    """Answer with an error of our own and return its status."""
    content = error.body()
    headers = [*JSON, (b"content-length", str(len(content)).encode()), *extra]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
    return error.status
