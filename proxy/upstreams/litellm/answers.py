"""What litellm returns, as the API's own answer: whole, or as an event stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import orjson

from foveate.proxy.http.headers import Headers
from foveate.proxy.upstreams import UpstreamResponse, once
from foveate.proxy.upstreams.litellm.endpoints import Endpoint

JSON: Headers = [(b"content-type", b"application/json")]
EVENTS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
]


def complete(found: Any) -> UpstreamResponse:
    """Return what litellm returned as an answer."""
    return whole(200, orjson.dumps(dumped(found)), [])


def whole(status: int, body: bytes, headers: Headers) -> UpstreamResponse:
    """Return an answer that is already complete."""
    length = (b"content-length", str(len(body)).encode())
    return UpstreamResponse(status, [*JSON, length, *headers], once(body))


async def streamed(
    endpoint: Endpoint, chunks: Any, errors: type[Exception], failed: Callable[[Exception], bytes]
) -> UpstreamResponse:
    """Return litellm's stream as an event stream, once its first chunk is there.

    litellm asks some providers only when the first chunk is read, so only then is the status known.
    `failed` gives the body of an error that comes later.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(chunks.aclose)
        first = await anext(chunks, None)
        stack.pop_all()
    return UpstreamResponse(
        200, EVENTS, _events(endpoint, first, chunks, errors, failed), chunks.aclose
    )


async def _events(
    endpoint: Endpoint,
    first: Any,
    chunks: Any,
    errors: type[Exception],
    failed: Callable[[Exception], bytes],
) -> AsyncIterator[bytes]:
    """Yield an event for each chunk, then the end; or an error as the last event, in its place."""
    try:
        if first is not None:
            yield event(endpoint, first)
        async for chunk in chunks:
            yield event(endpoint, chunk)
        if endpoint.ending:
            yield endpoint.ending
    except errors as error:
        yield endpoint.error_event(failed(error))


def event(endpoint: Endpoint, chunk: Any) -> bytes:
    """Return one server-sent event; where litellm gives it written, as it is."""
    if isinstance(chunk, bytes):
        return chunk
    found = dumped(chunk)
    name = f"event: {found['type']}\n".encode() if endpoint.named_events else b""
    return name + b"data: " + orjson.dumps(found) + b"\n\n"


def dumped(found: Any) -> dict[str, Any]:
    """Return what litellm returned as JSON has it."""
    if isinstance(found, dict):
        return found
    return shaped(found.model_dump(mode="json", exclude_none=True))


def shaped(found: dict[str, Any]) -> dict[str, Any]:
    """Return litellm's dump with the nulls that OpenAI always sends, which leaving out the other nulls
    took along.
    """
    choices = found.get("choices", [])
    told = any(c.get("delta", True) or c.get("finish_reason") for c in choices)
    if "usage" in found and choices and not told:
        found["choices"] = []  # the chunk that only tells the usage
    for choice in found.get("choices", []):
        choice.setdefault("finish_reason", None)
        if "message" in choice:
            choice["message"].setdefault("content", None)
    return found
