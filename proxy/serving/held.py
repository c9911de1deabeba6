"""The beginning of an answer, held back for a moment until it tells whether it is a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

from msgspec import structs

from foveate.proxy.errors import UpstreamError
from foveate.proxy.http import refusals
from foveate.proxy.http.headers import value_of
from foveate.proxy.http.openings import Look
from foveate.proxy.upstreams import UpstreamResponse


class Held:
    """An answer of which some has been read, and which still holds it all."""

    def __init__(self, response: UpstreamResponse) -> None:
        self._response = response
        self._chunks = response.body
        self._content = b""
        self._ended = False
        self._length = value_of(response.headers, b"content-length")
        self._next: asyncio.Task[bytes] | None = None  # a chunk that is waited for

    async def beginning(self, limit: int) -> bytes:
        """Return the beginning, up to about `limit` bytes."""
        while not self._ended and len(self._content) <= limit:
            await self._more(None)
        return self._content

    async def look(self, look: Look, patience: float) -> bytes:
        """Return the error that it begins with, nothing where it is none or takes more than so many
        seconds to tell.
        """
        until = monotonic() + patience
        while len(self._content) <= refusals.MAX_BYTES:
            found = look(self._content, self._is_whole())
            if found is not None:
                return found
            try:
                if not await self._more(until - monotonic()):
                    break
            except UpstreamError:
                if not self._content:
                    raise
                break  # what has come is relayed, and breaks off where it did
        return b""

    def _is_whole(self) -> bool:
        """Say whether all of the answer is here: an end that is known need not be waited for."""
        return self._ended or self._length == b"%d" % len(self._content)

    def response(self) -> UpstreamResponse:
        """Return the answer, whole."""
        return structs.replace(self._response, body=self._body(), aclose=self.aclose)

    async def _more(self, patience: float | None) -> bool:
        """Wait for a chunk and say whether it came, or the end."""
        if self._next is None:
            self._next = asyncio.ensure_future(_chunk(self._chunks))
        done, _ = await asyncio.wait([self._next], timeout=patience)
        if not done:
            return False
        chunk, self._next = self._next.result(), None
        self._content += chunk
        self._ended = not chunk
        return True

    async def _body(self) -> AsyncIterator[bytes]:
        if self._content:
            yield self._content
        if self._next is not None:
            yield await self._next
        if not self._ended:
            async for chunk in self._chunks:
                yield chunk

    async def aclose(self) -> None:
        """Close the answer, read or not."""
        if self._next is not None:
            self._next.cancel()
        await self._response.aclose()


async def _chunk(chunks: AsyncIterator[bytes]) -> bytes:
    """Return the next chunk, nothing at the end."""
    async for chunk in chunks:
        return chunk
    return b""
