"""Content without its compression, never more of it than asked for."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from io import BytesIO

import brotli
from backports import zstd

PLAIN = frozenset({b"", b"identity"})
STEP = 64 * 1024  # bytes that are read or made at a time
WIDEST = 23  # bytes, as a power of two, that zstd may look back to: what HTTP allows (RFC 9659)
MOST = 4 * 1024 * 1024  # bytes that are made of one answer to find its end, a few milliseconds' work


def is_plain(encoding: bytes) -> bool:
    """Say whether a Content-Encoding names no compression."""
    return encoding.strip().lower() in PLAIN


def inflated(content: bytes, encoding: bytes, limit: int = 0) -> bytes:
    """Return the content's first `limit` bytes (0: all) without its compression; nothing where it
    cannot be read.
    """
    found = BytesIO()
    for piece in _pieces(content, encoding):
        found.write(piece)
        if limit and found.tell() >= limit:
            found.truncate(limit)
            break
    return found.getvalue()


def ends_of(content: bytes, encoding: bytes, size: int) -> tuple[bytes, bytes]:
    """Return the first and the last `size` bytes; nothing where it cannot be read, or is more than
    MOST.
    """
    head = tail = b""
    made = 0
    for piece in _pieces(content, encoding):
        made += len(piece)
        if made > MOST:
            return b"", b""
        head += piece[: max(0, size - len(head))]
        tail = (tail + piece)[-size:]
    return head, tail


def _pieces(content: bytes, encoding: bytes) -> Iterator[bytes]:
    """Yield the content without its compression in pieces of about STEP bytes, as far as it can be
    read.
    """
    if is_plain(encoding):
        yield content
        return
    try:
        yield from _READERS.get(encoding.strip().lower(), _nothing)(content)
    except (zlib.error, brotli.error, zstd.ZstdError):
        return


def _nothing(content: bytes) -> Iterator[bytes]:
    return iter(())


def _gzip(content: bytes) -> Iterator[bytes]:
    return _zlib(content, 47)


def _deflate(content: bytes) -> Iterator[bytes]:
    """Yield what zlib's frame holds, or what stands without one, as some servers send it."""
    return _zlib(content, 15 if content[:1] == b"\x78" else -15)


def _zlib(content: bytes, window: int) -> Iterator[bytes]:
    stream = zlib.decompressobj(wbits=window)
    for start in range(0, len(content), STEP):
        made = stream.decompress(content[start : start + STEP], STEP)
        while made:
            yield made
            made = stream.decompress(stream.unconsumed_tail, STEP)


def _brotli(content: bytes) -> Iterator[bytes]:
    stream = brotli.Decompressor()
    for start in range(0, len(content), STEP):
        made = stream.process(content[start : start + STEP], output_buffer_limit=STEP)
        while made:
            yield made
            made = b"" if stream.is_finished() else stream.process(b"", output_buffer_limit=STEP)


def _zstd(content: bytes) -> Iterator[bytes]:
    left = content
    while left:  # a frame after another
        stream = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WIDEST})
        made = stream.decompress(left, STEP)
        while made:
            yield made
            made = b"" if stream.eof else stream.decompress(b"", STEP)
        left = stream.unused_data if stream.eof else b""


_READERS: dict[bytes, Callable[[bytes], Iterator[bytes]]] = {
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _deflate,
    b"br": _brotli,
    b"zstd": _zstd,
}
