"""What an answer that says OK begins with: an error, words, or nothing that tells yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from foveate.proxy.http.compression import is_plain
from foveate.proxy.http.headers import Headers, value_of
from foveate.proxy.http.refusals import HEAD, MAX_BYTES

# Given the beginning and whether it is all: an error, nothing where it is none, None where more must
# come to tell.
Look = Callable[[bytes, bool], bytes | None]
EVENTS, JSON = b"text/event-stream", b"application/json"
# Events that come ahead of an answer's words.
AHEAD = frozenset(
    {"ping", "message_start", "response.created", "response.queued", "response.in_progress"}
)
FAILED = frozenset({"error", "response.failed"})
TOLD = ("detail", "errors", "error_msg")  # what an error is told under, beside `error`


def look_at(headers: Headers) -> Look | None:
    """Return how an answer's beginning is looked at; None where it cannot be read, or is too long for
    an error.
    """
    if not is_plain(value_of(headers, b"content-encoding")):
        return None
    kind = value_of(headers, b"content-type").strip().lower()
    if kind.startswith(EVENTS):
        return error_in_events
    told = value_of(headers, b"content-length")
    return error_in_json if kind.startswith(JSON) and (not told or is_short(headers)) else None


def is_short(headers: Headers) -> bool:
    """Say whether an answer is JSON and as short as an error."""
    length = value_of(headers, b"content-length")
    kind = value_of(headers, b"content-type").strip().lower()
    short = length.isdigit() and len(length) < 6 and int(length) <= MAX_BYTES
    return short and kind.startswith(JSON)


def error_in_json(content: bytes, ended: bool) -> bytes | None:
    """Return the JSON of an answer that may be an error; blanks, which some servers send while they
    wait, tell nothing.
    """
    content = content.lstrip()
    if b'"error"' in content[:HEAD]:
        return content if ended else None
    return None if len(content) < HEAD and not ended else b""


def error_in_events(content: bytes, ended: bool) -> bytes | None:
    """Return the error that a stream begins with, ahead of any words."""
    if content.lstrip().startswith(b"{"):  # no events at all
        return error_in_json(content, ended)
    *whole, rest = content.replace(b"\r\n", b"\n").split(b"\n\n")
    for event in [*whole, rest] if ended else whole:
        lines = event.split(b"\n")
        data = _field(lines, b"data:")
        if not data:  # a comment
            continue
        told = _loaded(data)
        if _is_error(told) or _field(lines, b"event:") == b"error":
            return data
        if not _is_ahead(told):
            return b""
    return b"" if ended else None


def _field(lines: list[bytes], name: bytes) -> bytes:
    """Return what an event says under a name, empty where it has nothing of it."""
    return b"\n".join([line[len(name) :].strip() for line in lines if line.startswith(name)])


def _loaded(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def _is_error(event: Any) -> bool:
    if not isinstance(event, dict):
        return False
    kind = event.get("type")
    if event.get("error") or (isinstance(kind, str) and kind in FAILED):
        return True
    if event.get("choices"):  # what stands beside words is no error
        return False
    return isinstance(event.get("message"), str) or any(event.get(name) for name in TOLD)


def _is_ahead(event: Any) -> bool:
    """Say whether an event tells no more than that an answer begins."""
    if not isinstance(event, dict):
        return False
    kind, choices = event.get("type"), event.get("choices")
    if isinstance(kind, str):
        return kind in AHEAD
    return isinstance(choices, list) and not any(_speaks(choice) for choice in choices)


def _speaks(choice: Any) -> bool:
    if not isinstance(choice, dict) or choice.get("finish_reason"):
        return True
    delta = choice.get("delta")
    return not isinstance(delta, dict) or any(
        value for name, value in delta.items() if name != "role" and value != []
    )
