"""What the upstream says that a request took, read from the tail of its answer."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

TAIL = 16 * 1024  # bytes at the end of an answer, where `usage` stands
COMPRESSED = 512 * 1024  # a compressed answer can only be read from its beginning, up to this size
_PROMPT = re.compile(rb'"prompt_tokens"\s*:\s*(\d{1,9})')
_CACHED = re.compile(rb'"cached_tokens"\s*:\s*(\d{1,9})')


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the upstream counts them."""

    prompt_tokens: int
    cached_tokens: int | None  # None where it does not say


class Tail:
    """Keeps the end of an answer that passes by; nothing is copied or parsed until it is asked for."""

    def __init__(self, encoding: bytes) -> None:
        self._encoding = encoding.strip().lower()
        self._limit = COMPRESSED if self._encoding else TAIL
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Take note of a chunk."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        while self._size - len(self._chunks[0]) >= self._limit:
            self._size -= len(self._chunks.pop(0))
            self._encoding = self._encoding and b"cut"

    def usage(self) -> Usage | None:
        """Return the usage that the answer states, None where it states none that can be read."""
        content = inflated(b"".join(self._chunks), self._encoding)[-TAIL:]
        found = _PROMPT.findall(content)
        cached = _CACHED.findall(content)
        return Usage(int(found[-1]), int(cached[-1]) if cached else None) if found else None


def inflated(content: bytes, encoding: bytes, limit: int = 0) -> bytes:
    """Return content without its compression, `limit` bytes at the most (0: all); nothing where it cannot be read."""
    encoding = encoding.strip().lower()
    if encoding in (b"", b"identity"):
        return content
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        return b""
    try:
        return zlib.decompressobj(wbits=47).decompress(content, limit)
    except zlib.error:
        return b""
