"""What a chat completion's answer says about its tokens."""

from __future__ import annotations

import json

from foveate.proxy.formats.chat.answer import chat_usage
from foveate.proxy.formats.wire.usage import Usage
from support.upstream import chat_events, completion

USAGE = {
    "prompt_tokens": 4321,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 1024},
}


def test_usage_is_read_from_an_answer() -> None:
    assert chat_usage(json.dumps({**completion("Hello."), "usage": USAGE}).encode()) == Usage(
        4321, 1024
    )


def test_usage_is_read_from_the_last_event_of_a_stream() -> None:
    last = (
        b"data: "
        + json.dumps({"object": "chat.completion.chunk", "choices": [], "usage": USAGE}).encode()
        + b"\n\n"
    )
    *words, done = chat_events(["word "] * 20)
    assert chat_usage(b"".join([*words, last, done])) == Usage(4321, 1024)


def test_a_stream_without_usage_says_nothing() -> None:
    assert chat_usage(b"".join(chat_events(["a", "b"]))) is None


def test_an_upstream_that_does_not_say_what_was_cached() -> None:
    assert chat_usage(b'{"usage": {"prompt_tokens": 12, "prompt_tokens_details": null}}') == Usage(
        12, None
    )


def test_usage_that_the_answers_own_words_mention_is_not_taken() -> None:
    said = completion('the API says "usage": {"prompt_tokens": 99, "cached_tokens": 98}')
    assert chat_usage(json.dumps({**said, "usage": USAGE}).encode()) == Usage(4321, 1024)
    assert chat_usage(json.dumps({"usage": USAGE, **said}).encode()) == Usage(4321, 1024)
    assert chat_usage(json.dumps(said).encode()) is None


def test_usage_that_stands_ahead_of_a_long_text_is_read() -> None:
    head = (
        b'{"id": "c", "usage": {"prompt_tokens": 777, "completion_tokens": 1}, "choices": [{"message"'
    )
    assert chat_usage(b"x x x", head) == Usage(777, None)
    assert chat_usage(b'x "usage": {"prompt_tokens": 5}', head) == Usage(777, None)
