"""Of an answer that passes by, the beginning and the end are kept."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.proxy.http.ends import COMPRESSED, END, Ends


def ends_of(content: bytes, encoding: bytes = b"", size: int = 100) -> tuple[bytes, bytes]:
    """Let an answer pass in chunks of that size."""
    ends = Ends(encoding)
    for start in range(0, len(content), size):
        ends.add(content[start : start + size])
    return ends.read()


@given(st.integers(0, 4 * END), st.integers(1, 2 * END))
def test_both_ends_of_an_answer_in_any_chunks_are_kept(length: int, size: int) -> None:
    content = bytes(n % 251 for n in range(length))
    assert ends_of(content, size=max(size, length // 200)) == (
        content[:END],
        content[-END:] if content else b"",
    )


def test_of_a_long_answer_no_more_is_held_than_its_ends() -> None:
    ends = Ends(b"")
    for _ in range(1000):
        ends.add(b"x" * 1000)
    assert sum(map(len, ends._first)) < END + 1000
    assert sum(map(len, ends._last)) < END + 1000


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [(b"gzip", gzip.compress), (b"GZIP ", gzip.compress), (b"deflate", zlib.compress)],
)
def test_a_compressed_answer_is_read_without_its_compression(
    encoding: bytes, pack: Callable[[bytes], bytes]
) -> None:
    content = b"a" * END + b"b" * END
    assert ends_of(pack(content), encoding, size=7) == (content[:END], content[-END:])


def test_a_compression_that_cannot_be_read_says_nothing() -> None:
    assert ends_of(b"\x1bwords", b"br") == (b"", b"")
    assert ends_of(b"words", b"gzip") == (b"", b"")


def test_a_compressed_answer_too_long_to_keep_says_nothing() -> None:
    assert ends_of(gzip.compress(b"words") + b"\0" * 2 * COMPRESSED, b"gzip", size=10**5) == (b"", b"")
