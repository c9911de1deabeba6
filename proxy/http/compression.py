"""Content without its compression."""

from __future__ import annotations

import zlib


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
