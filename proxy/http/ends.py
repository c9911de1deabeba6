"""The two ends of an answer that passes by, where it says what it took."""

from __future__ import annotations

from foveate.proxy.http.compression import ends_of

END = 16 * 1024  # bytes at either end
COMPRESSED = 512 * 1024  # a compressed answer can only be read from its beginning, up to this size


class Ends:
    """Keeps the beginning and the end of an answer; nothing is copied or parsed until it is asked for."""

    def __init__(self, encoding: bytes) -> None:
        self._encoding = encoding.strip().lower()
        self._limit = COMPRESSED if self._encoding else END
        self._first: list[bytes] = []
        self._last: list[bytes] = []
        self._first_size = self._last_size = 0
        self._whole = True

    def add(self, chunk: bytes) -> None:
        """Take note of a chunk."""
        if self._first_size < END:
            self._first.append(chunk)
            self._first_size += len(chunk)
        self._last.append(chunk)
        self._last_size += len(chunk)
        while self._last_size - len(self._last[0]) >= self._limit:
            self._last_size -= len(self._last.pop(0))
            self._whole = False

    def read(self) -> tuple[bytes, bytes]:
        """Return the beginning and the end, nothing where they cannot be read."""
        if not self._encoding:
            return b"".join(self._first)[:END], b"".join(self._last)[-END:]
        if not self._whole:
            return b"", b""
        return ends_of(b"".join(self._last), self._encoding, END)
