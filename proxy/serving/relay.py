"""Carries a request to the upstream and its answer back; owns the upstream connection whatever happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

from msgspec import structs

from foveate.proxy.errors import RequestError, UpstreamError
from foveate.proxy.http import refusals
from foveate.proxy.http.usage import Tail, inflated
from foveate.proxy.upstreams import Headers, Upstream, UpstreamRequest, UpstreamResponse

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_log = logging.getLogger("foveate.relay")
CLIENT_CLOSED_REQUEST = 499  # nginx's code for a caller who hung up
WATCH_AFTER = 0.05  # seconds until somebody listens for a hang-up: an answer that comes sooner needs no watcher
JSON: Headers = [(b"content-type", b"application/json")]


class HungUp(Exception):
    """The caller went away while sending."""


class Body:
    """A request's body as it arrives, `max_bytes` at the most; RequestError 413 beyond, HungUp where it breaks off."""

    def __init__(self, headers: Headers, receive: Receive, max_bytes: int) -> None:
        self._receive = receive
        self._max = max_bytes
        self._taken = 0
        self._ended = False
        self._read_out: asyncio.Event | None = None  # for whoever waits for the end
        self.failure: RequestError | HungUp | None = None  # why it broke off: an upload's client wraps what it meets
        declared = value_of(headers, b"content-length")
        self.size = int(declared) if declared.isdigit() else None  # None where it comes in chunks, or not at all
        self.expected = bool(self.size) or any(n == b"transfer-encoding" for n, _ in headers)
        if self.size is not None and self.size > max_bytes:
            raise self._too_large()

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        while not self._ended:
            if piece := await self._piece():
                yield piece

    async def read(self) -> bytes:
        """Return the whole body."""
        first = await self._piece()
        if self._ended:
            return first
        pieces = [first]
        while not self._ended:
            pieces.append(await self._piece())
        return b"".join(pieces)

    async def _piece(self) -> bytes:
        message = await self._receive()
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

    def _too_large(self) -> RequestError:
        limit = f"{self._max / 1024 / 1024:g} MiB"
        return RequestError(
            413, f"the request body is larger than {limit} (server.max_body_mib)", code="body_too_large"
        )


Report = Callable[[float], Headers]
Retry = Callable[[int, bytes], Awaitable[UpstreamRequest | None]]


class Relay:
    """One request's way to the upstream and back."""

    def __init__(self, upstream: Upstream, body: Body, send: Send, report: Report, retry: Retry | None = None) -> None:
        self._upstream = upstream
        self._body = body
        self._send = send
        self._report = report  # response headers of our own, in place of the upstream's; given the upstream's delay
        self._retry = retry  # gives another request for a refused one, asked once and before anything is relayed
        self._started = False
        self._finished = False
        self._waited = 0.0
        self.tail: Tail | None = None

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

        watcher: asyncio.Task[None] | None = None

        def listen() -> None:
            nonlocal watcher
            watcher = asyncio.create_task(watch())

        timer = asyncio.get_running_loop().call_later(WATCH_AFTER, listen)
        try:
            response = await self._ask(request)
            try:
                await self._answer(response)
            finally:
                await response.aclose()
            return response.status
        except HungUp:
            return CLIENT_CLOSED_REQUEST
        except UpstreamError as error:
            if isinstance(self._body.failure, HungUp):
                return CLIENT_CLOSED_REQUEST
            if not self._started:
                raise self._body.failure or error from None
            _log.warning("%s", error)
            return error.status
        except asyncio.CancelledError:
            if not gone:
                raise
            task.uncancel()
            return CLIENT_CLOSED_REQUEST
        finally:
            timer.cancel()
            if watcher is not None:
                watcher.cancel()

    async def _ask(self, request: UpstreamRequest) -> UpstreamResponse:
        start = perf_counter()
        try:
            return await self._ask_twice(request)
        finally:
            self._waited = (perf_counter() - start) * 1000

    async def _ask_twice(self, request: UpstreamRequest) -> UpstreamResponse:
        response = await self._upstream.send(request)
        if self._retry is None or response.status not in refusals.STATUSES:
            return response
        async with AsyncExitStack() as closing:
            closing.push_async_callback(response.aclose)
            response, content = await buffered(response, refusals.MAX_BYTES)
            encoding = value_of(response.headers, b"content-encoding")
            again = await self._retry(response.status, inflated(content, encoding, refusals.MAX_BYTES))
            if again is None:
                closing.pop_all()
                return response
        return await self._upstream.send(again)

    async def _answer(self, response: UpstreamResponse) -> None:
        ours = self._report(self._waited)
        names = {name for name, _ in ours}
        headers = [(n, v) for n, v in response.headers if n not in names] + ours
        self.tail = tail = Tail(value_of(headers, b"content-encoding"))
        length = value_of(headers, b"content-length")
        left = int(length) if length.isdigit() else -1
        send = self._send
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        self._started = True
        async for chunk in response.body:
            tail.add(chunk)
            left -= len(chunk)
            self._finished = left == 0  # the last byte of an answer of known length ends it at once
            await send({"type": "http.response.body", "body": chunk, "more_body": left != 0})
        if not self._finished:
            self._finished = True
            await send({"type": "http.response.body", "body": b""})


def value_of(headers: Headers, name: bytes) -> bytes:
    """Return the value of the first header of that name, empty where there is none."""
    for found, value in headers:
        if found == name:
            return value
    return b""


async def buffered(response: UpstreamResponse, limit: int) -> tuple[UpstreamResponse, bytes]:
    """Read an answer's beginning, up to about `limit` bytes; return it with the answer, which still holds it all."""
    content = b""
    async for chunk in response.body:
        content += chunk
        if len(content) > limit:
            break

    async def whole() -> AsyncIterator[bytes]:
        yield content
        async for chunk in response.body:
            yield chunk

    return structs.replace(response, body=whole()), content


async def refuse(send: Send, error: RequestError, extra: Headers) -> int:
    """Answer with an error of our own and return its status."""
    content = error.body()
    headers = [*JSON, (b"content-length", str(len(content)).encode()), *extra]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
    return error.status
