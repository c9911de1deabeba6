"""Upstreams: where a request goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import msgspec

Headers = list[tuple[bytes, bytes]]  # names in lower case, in order, repeats allowed


async def nothing_to_close() -> None:
    """Do nothing, for a response that holds nothing open."""


class UpstreamRequest(msgspec.Struct, frozen=True):
    """A request on its way out: end-to-end headers only, no Host, no Content-Length unless the body is streamed."""

    method: str
    path: str  # as received, percent-encoded, with the query string
    headers: Headers
    body: bytes | AsyncIterator[bytes]


class UpstreamResponse(msgspec.Struct, frozen=True):
    """An answer of which the head has arrived. Whoever gets it must call `aclose`, read or not."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes]  # in the pieces that arrive, content encoding untouched
    aclose: Callable[[], Awaitable[None]] = nothing_to_close


class Upstream(Protocol):
    """Something that answers requests."""

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Return the answer once its head is there; UpstreamError where there is none."""

    async def aclose(self) -> None:
        """Close what is open."""
