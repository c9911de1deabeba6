"""What is answered in place of a model: a text as a message, or an error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from foveate.proxy.errors import RequestError
from foveate.proxy.formats.wire.speech import Speech

# Anthropic's API reference, "Errors".
KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
}
OTHER = "api_error"


def spoken_message(speech: Speech) -> dict[str, Any]:
    """Return the answer."""
    usage = {**_heard(speech), "output_tokens": speech.tokens}
    content = [{"type": "text", "text": speech.text}]
    return {**_message(speech), "content": content, "stop_reason": "end_turn", "usage": usage}


def message_events(speech: Speech, body: dict[str, Any]) -> Iterator[bytes]:
    """Yield the answer word by word, as server-sent events."""
    for event in _events(speech):
        yield b"event: " + event["type"].encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"


def _events(speech: Speech) -> Iterator[dict[str, Any]]:
    opening = {**_message(speech), "usage": {**_heard(speech), "output_tokens": 1}}
    yield {"type": "message_start", "message": opening}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "ping"}
    for word in speech.words():
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
    yield {"type": "content_block_stop", "index": 0}
    ending = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": ending, "usage": {"output_tokens": speech.tokens}}
    yield {"type": "message_stop"}


def _message(speech: Speech) -> dict[str, Any]:
    return {
        "id": "msg_echo",
        "type": "message",
        "role": "assistant",
        "model": speech.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _heard(speech: Speech) -> dict[str, int]:
    return {
        "input_tokens": speech.heard,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }


def error_body(error: RequestError) -> bytes:
    """Return the body that an SDK makes its own exception of."""
    told = {"type": KINDS.get(error.status, OTHER), "message": str(error)}
    return orjson.dumps({"type": "error", "error": told})
