"""A text as a chat completion, for whoever answers in place of a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from foveate.proxy.formats.wire.speech import Speech


def spoken_completion(speech: Speech) -> dict[str, Any]:
    """Return the answer."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": speech.text},
        "finish_reason": "stop",
    }
    return {**_head(speech), "object": "chat.completion", "choices": [choice], "usage": _usage(speech)}


def completion_events(speech: Speech, body: dict[str, Any]) -> Iterator[bytes]:
    """Yield the answer word by word, as server-sent events; the usage where the request asks for it."""
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": word}, None) for word in speech.words()]
    for delta, reason in [*deltas, ({}, "stop")]:
        yield _event(speech, [{"index": 0, "delta": delta, "finish_reason": reason}])
    options = body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        yield _event(speech, [], usage=_usage(speech))
    yield b"data: [DONE]\n\n"


def _head(speech: Speech) -> dict[str, Any]:
    return {"id": "chatcmpl-echo", "created": speech.created, "model": speech.model}


def _event(speech: Speech, choices: list[dict[str, Any]], **more: Any) -> bytes:
    value = {**_head(speech), "object": "chat.completion.chunk", "choices": choices, **more}
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _usage(speech: Speech) -> dict[str, int]:
    return {
        "prompt_tokens": speech.heard,
        "completion_tokens": speech.tokens,
        "total_tokens": speech.heard + speech.tokens,
    }
