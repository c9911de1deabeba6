"""Carries a request to the upstream and its answer back; owns the connection whatever happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack
from http import HTTPStatus
from time import perf_counter
from typing import Any

from foveate.proxy.errors import RequestError, UpstreamError
from foveate.proxy.http import refusals
from foveate.proxy.http.body import Body, HungUp
from foveate.proxy.http.compression import inflated
from foveate.proxy.http.ends import Ends
from foveate.proxy.http.headers import Headers, value_of
from foveate.proxy.http.openings import error_in_events, is_short, look_at
from foveate.proxy.serving.held import Held
from foveate.proxy.upstreams import Upstream, UpstreamRequest, UpstreamResponse

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_log = logging.getLogger("foveate.relay")
CLIENT_CLOSED_REQUEST = 499  # nginx's code for a caller who hung up
# Seconds until somebody listens for a hang-up: an answer that comes sooner needs no watcher
WATCH_AFTER = 0.05
HELD = 1.0  # seconds that an answer's first events are held back while none of them tells a word
JSON: Headers = [(b"content-type", b"application/json")]


Report = Callable[[float], Headers]
Retry = Callable[[int, bytes], Awaitable[UpstreamRequest | None]]


class Relay:
    """One request's way to the upstream and back."""

    def __init__(
        self, upstream: Upstream, body: Body, send: Send, report: Report, retry: Retry | None = None
    ) -> None:
        self._upstream = upstream
        self._body = body
        self._send = send
        # Response headers of our own, in place of the upstream's; given the upstream's delay
        self._report = report
        # Gives another request for a refused one, asked once and before anything is relayed
        self._retry = retry
        self.looks = False  # into answers that say OK too, since the prompt may have been too long
        self._started = False
        self._finished = False
        self._waited = 0.0
        self.ends: Ends | None = None

    async def run(self, request: UpstreamRequest) -> int:
        """Relay the answer chunk by chunk and return its status, 499 where the caller hung up.

        RequestError where nothing has been sent yet; after that the answer is left unfinished, as the
        upstream's was.
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
        response = _checked(await self._upstream.send(request))
        okay = response.status == HTTPStatus.OK
        if self._retry is None or not (self.looks if okay else response.status in refusals.STATUSES):
            return response
        look = look_at(response.headers) if okay else None
        if okay and not look and not is_short(response.headers):
            return response
        held = Held(response)
        async with AsyncExitStack() as closing:
            closing.push_async_callback(held.aclose)
            told = await held.look(look, HELD) if look else await _refusal(held, response)
            # What stands in a stream of events is told apart from words: as good as a status
            status = HTTPStatus.BAD_REQUEST if look is error_in_events else response.status
            again = await self._retry(status, told) if told or not look else None
            if again is None:
                closing.pop_all()
                return held.response()
        return await self._upstream.send(again)

    async def _answer(self, response: UpstreamResponse) -> None:
        ours = self._report(self._waited)
        names = {name for name, _ in ours}
        headers = [(n, v) for n, v in response.headers if n not in names] + ours
        self.ends = ends = Ends(value_of(headers, b"content-encoding"))
        length = value_of(headers, b"content-length")
        left = int(length) if length.isdigit() and len(length) < 20 else -1
        send = self._send
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        self._started = True
        async for chunk in response.body:
            ends.add(chunk)
            left -= len(chunk)
            self._finished = left == 0  # the last byte of an answer of known length ends it at once
            await send({"type": "http.response.body", "body": chunk, "more_body": left != 0})
        if not self._finished:
            self._finished = True
            await send({"type": "http.response.body", "body": b""})


def _checked(response: UpstreamResponse) -> UpstreamResponse:
    """Return an answer whose status is one that HTTP has; UpstreamError 502 for any other."""
    if not 100 <= response.status < 600:
        raise UpstreamError(
            502, f"the upstream answered with status {response.status}", "upstream_broken"
        )
    return response


async def _refusal(held: Held, response: UpstreamResponse) -> bytes:
    """Return what a refusal says, as far as it can be read."""
    encoding = value_of(response.headers, b"content-encoding")
    return inflated(await held.beginning(refusals.MAX_BYTES), encoding, refusals.MAX_BYTES + 1)


async def refuse(send: Send, error: RequestError, content: bytes, extra: Headers) -> int:
    """Answer with an error of our own, in the API's shape, and return its status."""
    length = (b"content-length", str(len(content)).encode())
    headers = [*JSON, length, *error.headers, *extra]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
    return error.status
