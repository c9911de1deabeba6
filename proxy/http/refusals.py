"""Recognises an upstream that says a prompt is too long, and reads the numbers it gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from foveate.proxy.http.wordings import CODES, OPENINGS, OTHER, PROMPT, WINDOW, WRAPPER

# Most providers; a gateway's limit; TGI; llama.cpp and gateways that wrap another's answer, which may
# even say OK.
STATUSES = frozenset({400, 413, 422, 500})
# A longer answer is about something else, and may quote a prompt that tells of such errors
MAX_BYTES = 8 * 1024
QUOTABLE = (
    # Characters that a message begins with: what stands in the request so may have been written by the
    # caller
    60
)
DEEPEST = 8  # errors in errors: a gateway's message holds its provider's as JSON


@dataclass(frozen=True, slots=True)
class TooLong:
    """An upstream's refusal of a prompt; None for a number that it does not give, or that may be the
    caller's own.
    """

    window: int | None
    prompt: int | None
    said: bool = True  # False where it refused without a word


@dataclass(frozen=True, slots=True)
class _Error:
    """One error of an answer: what it says, and its code and type, lower case."""

    message: str
    codes: frozenset[str]
    fields: dict[str, Any]


def read_refusal(status: int, content: bytes, request: bytes = b"") -> TooLong | None:
    """Return what an error answer says about the prompt's length, None where it is about something
    else.

    `request` is what was asked: words that stand there too may be the caller's own, which upstreams
    quote.
    """
    if len(content) > MAX_BYTES or status not in (*STATUSES, HTTPStatus.OK):
        return None
    if status == HTTPStatus.OK and b'"error"' not in content[:200]:
        return None
    if not content.strip():  # Cerebras says no more than that
        return TooLong(None, None, said=False) if status in (400, 413) else None
    errors = list(_errors(_loaded(content), 0))
    if status == HTTPStatus.OK:
        errors = [error for error in errors if "choices" not in error.fields]
    found = [refusal for error in errors if (refusal := _refusal(error, request))]
    return found[0] if found else None


def _loaded(content: bytes) -> Any:
    text = content.decode("utf-8", "replace")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _errors(answer: Any, depth: int) -> Iterator[_Error]:
    """Yield the errors that an answer is made of, a provider's inside a gateway's included."""
    if depth > DEEPEST:
        return
    if isinstance(answer, str):
        yield _Error(answer, frozenset(), {})
        start = answer.find('{"')
        if start >= 0:
            inner = _loaded(answer[start : answer.rfind("}") + 1].encode())
            if isinstance(inner, dict):
                yield from _errors(inner, depth + 1)
    elif isinstance(answer, list):
        for each in answer[:8]:
            yield from _errors(each, depth + 1)
    elif isinstance(answer, dict):
        yield from _of_object(answer, depth)


def _of_object(answer: dict[str, Any], depth: int) -> Iterator[_Error]:
    codes = {
        str(answer[name]).lower()
        for name in ("code", "type", "status")
        if isinstance(answer.get(name), (str, int))
    }
    message = next(
        (answer[name] for name in ("message", "msg") if isinstance(answer.get(name), str)), ""
    )
    if message or codes:
        for error in _errors(message, depth + 1):
            yield _Error(error.message, error.codes | codes, {**answer, **error.fields})
    for name in ("error", "errors", "detail"):
        yield from _errors(answer.get(name), depth + 1)
    metadata = answer.get("metadata")
    if isinstance(metadata, dict):  # OpenRouter's: what the provider said
        yield from _errors(metadata.get("raw"), depth + 1)


def _refusal(error: _Error, request: bytes) -> TooLong | None:
    message = error.message.strip()
    while wrapped := WRAPPER.match(message):
        message = message[wrapped.end() :]
    opening = OPENINGS.match(message)
    coded = not error.codes.isdisjoint(CODES)
    if not opening and not coded:
        return None
    if any("rate_limit" in code for code in error.codes) or (
        opening and not coded and OTHER.search(message[:200])
    ):
        return None
    if may_be_quoted(message, request):
        return TooLong(None, None) if coded else None
    window = _count(error.fields.get("n_ctx")) or _first(WINDOW, message)
    prompt = _count(error.fields.get("n_prompt_tokens")) or _first(PROMPT, message)
    if window and prompt and prompt < window // 2:  # the answer that was asked for is too long
        return None
    return TooLong(window, prompt)


def may_be_quoted(message: str, request: bytes) -> bool:
    """Say whether a message begins with words that stand in the request."""
    words = _plain(message)[:QUOTABLE]
    return bool(request) and words in _plain(_unescaped(request))


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().lower()


def _unescaped(request: bytes) -> str:
    text = request.decode("utf-8", "replace")
    return re.sub(r"\\u([0-9a-fA-F]{4})|\\[nrtbf]", lambda m: chr(int(m[1], 16)) if m[1] else " ", text)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _first(patterns: list[re.Pattern[str]], text: str) -> int | None:
    """Return the number that the first matching pattern finds, None for 0."""
    for pattern in patterns:
        match = pattern.search(text)
        if match:
            return int(match[1].replace(",", "").replace("_", "")) or None
    return None
