"""What an answer says about its tokens, read as it passes by."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.proxy.http.usage import COMPRESSED, TAIL, Tail, Usage, inflated
from support.upstream import chat_events, completion

USAGE = {"prompt_tokens": 4321, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1024}}
WHOLE = json.dumps({**completion("Hello."), "usage": USAGE}).encode()


def usage_of(content: bytes, encoding: bytes = b"", size: int = 100) -> Usage | None:
    """Let an answer pass in chunks of that size."""
    tail = Tail(encoding)
    for start in range(0, len(content), size):
        tail.add(content[start : start + size])
    return tail.usage()


@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_usage_is_read_from_an_answer_in_any_chunks(size: int) -> None:
    assert usage_of(WHOLE, size=size) == Usage(4321, 1024)


def test_usage_is_read_from_the_last_event_of_a_stream() -> None:
    last = b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [], "usage": USAGE}).encode() + b"\n\n"
    *words, done = chat_events(["word "] * 2000)
    assert usage_of(b"".join([*words, last, done])) == Usage(4321, 1024)


def test_a_stream_without_usage_says_nothing() -> None:
    assert usage_of(b"".join(chat_events(["a", "b"]))) is None


def test_an_upstream_that_does_not_say_what_was_cached() -> None:
    assert usage_of(b'{"usage": {"prompt_tokens": 12, "prompt_tokens_details": null}}') == Usage(12, None)


def test_usage_that_the_answers_own_words_mention_is_not_taken() -> None:
    said = completion('the API says "usage": {"prompt_tokens": 99, "cached_tokens": 98}')
    assert usage_of(json.dumps({"usage": USAGE, **said}).encode()) == Usage(4321, 1024)
    assert usage_of(json.dumps(said).encode()) is None


@pytest.mark.parametrize(
    ("encoding", "pack"), [(b"gzip", gzip.compress), (b"GZIP ", gzip.compress), (b"deflate", zlib.compress)]
)
def test_usage_is_read_from_a_compressed_answer(encoding: bytes, pack: object) -> None:
    assert usage_of(pack(WHOLE), encoding) == Usage(4321, 1024)  # type: ignore[operator]


def test_a_compression_that_cannot_be_read_says_nothing() -> None:
    assert usage_of(b"\x1b" + WHOLE, b"br") is None
    assert usage_of(WHOLE, b"gzip") is None


def test_of_a_long_answer_only_the_end_is_kept() -> None:
    tail = Tail(b"")
    for _ in range(1000):
        tail.add(b"x" * 1000)
    assert sum(map(len, tail._chunks)) < TAIL + 1000
    tail.add(WHOLE)
    assert tail.usage() == Usage(4321, 1024)


def test_a_compressed_answer_too_long_to_keep_says_nothing() -> None:
    assert usage_of(gzip.compress(WHOLE) + b"\0" * 2 * COMPRESSED, b"gzip", size=10**5) is None


@given(st.binary(max_size=2000), st.sampled_from([gzip.compress, zlib.compress]), st.integers(1, 3000))
def test_inflating_gives_back_what_was_packed_up_to_the_limit(content: bytes, pack: object, limit: int) -> None:
    packed: bytes = pack(content)  # type: ignore[operator]
    assert inflated(packed, b"gzip") == content
    assert inflated(packed, b"gzip", limit) == content[:limit]
    assert content.startswith(inflated(packed[: len(packed) // 2], b"gzip"))
