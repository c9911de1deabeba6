"""A text as a response, for whoever answers in place of a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from foveate.proxy.formats.wire.speech import Speech

ITEM = "msg_echo"
PLACE = {"item_id": ITEM, "output_index": 0, "content_index": 0}


def spoken_response(speech: Speech) -> dict[str, Any]:
    """Return the answer."""
    return _response(speech, "completed", [_message(speech.text, "completed")], _usage(speech))


def response_events(speech: Speech, body: dict[str, Any]) -> Iterator[bytes]:
    """Yield the answer word by word, as server-sent events."""
    for number, event in enumerate(_events(speech)):
        data = orjson.dumps({**event, "sequence_number": number})
        yield b"event: " + event["type"].encode() + b"\ndata: " + data + b"\n\n"


def _events(speech: Speech) -> Iterator[dict[str, Any]]:
    early = _response(speech, "in_progress", [], None)
    yield {"type": "response.created", "response": early}
    yield {"type": "response.in_progress", "response": early}
    item = {**_message("", "in_progress"), "content": []}
    yield {"type": "response.output_item.added", "output_index": 0, "item": item}
    yield {"type": "response.content_part.added", **PLACE, "part": _part("")}
    for word in speech.words():
        yield {"type": "response.output_text.delta", **PLACE, "delta": word, "logprobs": []}
    yield {"type": "response.output_text.done", **PLACE, "text": speech.text, "logprobs": []}
    yield {"type": "response.content_part.done", **PLACE, "part": _part(speech.text)}
    yield {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": _message(speech.text, "completed"),
    }
    yield {"type": "response.completed", "response": spoken_response(speech)}


def _response(
    speech: Speech, status: str, output: list[Any], usage: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": "resp_echo",
        "object": "response",
        "created_at": speech.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": speech.model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage,
    }


def _message(text: str, status: str) -> dict[str, Any]:
    return {
        "type": "message",
        "id": ITEM,
        "status": status,
        "role": "assistant",
        "content": [_part(text)],
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def _usage(speech: Speech) -> dict[str, Any]:
    return {
        "input_tokens": speech.heard,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": speech.tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": speech.heard + speech.tokens,
    }
