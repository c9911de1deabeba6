"""Content is read without its compression, where that can be read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.proxy.http.compression import inflated

Pack = Callable[[bytes], bytes]


@given(st.binary(max_size=2000), st.sampled_from([gzip.compress, zlib.compress]), st.integers(1, 3000))
def test_inflating_gives_back_what_was_packed_up_to_the_limit(
    content: bytes, pack: Pack, limit: int
) -> None:
    packed = pack(content)
    assert inflated(packed, b"gzip") == content
    assert inflated(packed, b"gzip", limit) == content[:limit]
    assert content.startswith(inflated(packed[: len(packed) // 2], b"gzip"))


@pytest.mark.parametrize("encoding", [b"", b"identity", b" Identity "])
def test_plain_content_is_itself(encoding: bytes) -> None:
    assert inflated(b"words", encoding) == b"words"


@pytest.mark.parametrize(("content", "encoding"), [(b"\x1bwords", b"br"), (b"words", b"gzip")])
def test_what_cannot_be_read_is_nothing(content: bytes, encoding: bytes) -> None:
    assert inflated(content, encoding) == b""
