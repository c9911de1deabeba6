"""Upstreams: where a request goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import msgspec
from pydantic import SecretStr

from foveate.proxy.config import schema as config
from foveate.proxy.http.compression import inflated, is_plain
from foveate.proxy.http.headers import Headers, value_of
from foveate.proxy.importer import constructor, import_class

UPSTREAMS = {
    "http": "foveate.proxy.upstreams.http:HttpUpstream",
    "echo": "foveate.proxy.upstreams.echo:Echo",
    "litellm": "foveate.proxy.upstreams.litellm:LiteLLM",
}


LARGEST = 256 * 1024 * 1024  # bytes that a compressed body may hold for an upstream in this process


async def nothing_to_close() -> None:
    """Do nothing, for a response that holds nothing open."""


async def once(content: bytes) -> AsyncIterator[bytes]:
    """Yield `content`, for a response that is complete."""
    yield content


class UpstreamRequest(msgspec.Struct, frozen=True):
    """A request on its way out: end-to-end headers only, no Host, no Content-Length unless the body is
    streamed.
    """

    method: str
    path: str  # as received, percent-encoded, with the query string
    headers: Headers
    body: bytes | AsyncIterator[bytes]

    async def content(self) -> bytes:
        """Return the whole body, without its compression; nothing where that cannot be read."""
        whole = self.body
        if not isinstance(whole, bytes):
            whole = b"".join([piece async for piece in whole])
        encoding = value_of(self.headers, b"content-encoding")
        return whole if is_plain(encoding) else inflated(whole, encoding, LARGEST)


class UpstreamResponse(msgspec.Struct, frozen=True):
    """An answer of which the head has arrived. Whoever gets it must call `aclose`, read or not."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes]  # in the pieces that arrive, content encoding untouched
    aclose: Callable[[], Awaitable[None]] = nothing_to_close


class Upstream(Protocol):
    """Something that answers requests.

    A class is built with the keywords `url`, `api_base`, `api_key`, `anthropic_url`,
    `anthropic_api_key`, `connect_timeout` and `read_timeout`, as far as it takes them, and without I/O.
    """

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Return the answer once its head is there; UpstreamError where there is none."""

    async def aclose(self) -> None:
        """Close what is open."""


def build_upstream(settings: config.UpstreamSettings) -> Upstream:
    """Return the upstream of the type that is set; ConfigError where there is none."""
    given = settings.model_dump(exclude={"type", "options"})
    given |= {
        name: value.get_secret_value() for name, value in given.items() if isinstance(value, SecretStr)
    }
    found = import_class("upstream.type", UPSTREAMS, settings.type)
    made: Upstream = constructor("upstream", found, given, settings.options)()
    return made
