"""Recognises an upstream that says a prompt is too long, and reads the numbers it gives."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from foveate.proxy.http.wordings import (
    CODE,
    CODES,
    LIKELY,
    OPENINGS,
    OTHER,
    PROMPT,
    RATES,
    WINDOW,
    WRAPPER,
)

# Most providers; a gateway's limit; TGI; llama.cpp and gateways that wrap another's answer, which may
# even say OK.
STATUSES = frozenset({400, 413, 422, 500, 502})
# A longer answer is about something else, and may quote a prompt that tells of such errors
MAX_BYTES = 8 * 1024
HEAD = 512  # bytes of an answer that says OK in which it names its error
QUOTABLE = (
    # Characters that a message begins with: what stands in the request so may have been written by the
    # caller
    60
)
ABOUT = 200  # characters of a message that say what it is about
# The names that errors are told under, lower case and without underscores
CODED = ("code", "type", "status", "errorcode", "errortype", "key", "reason")
WORDED = ("message", "msg", "errormessage", "errormsg", "statusmsg", "description")
HOLDING = frozenset(
    {
        "error",
        "errors",
        "previouserrors",
        "detail",
        "details",
        "baseresp",
        "metadata",
        "raw",
        "response",
    }
)
_decoder = json.JSONDecoder()
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
    if status == HTTPStatus.OK and b'"error"' not in content.lstrip()[:HEAD]:
        return None
    if not content.strip():  # Cerebras says no more than that
        return TooLong(None, None, said=False) if status in (400, 413) else None
    errors = list(_errors(_loaded(content), 0))
    if status == HTTPStatus.OK:
        errors = [error for error in errors if "choices" not in error.fields]
    found = (_refusal(error, request) for error in errors)
    return next((refusal for refusal in found if refusal), None)


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
        inner = _object_in(answer)
        if isinstance(inner, dict):
            yield from _errors(inner, depth + 1)
    elif isinstance(answer, list):
        for each in answer[:8]:
            yield from _errors(each, depth + 1)
    elif isinstance(answer, dict):
        yield from _of_object(answer, depth)


def _object_in(text: str) -> Any:
    """Return the first object that is written in a text, as JSON or as Python prints it; None without
    one.
    """
    try:
        if '{"' in text:
            return _decoder.raw_decode(text, text.index('{"'))[0]
        if "{'" in text:
            return ast.literal_eval(text[text.index("{'") : text.rindex("}") + 1])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    return None


def _of_object(answer: dict[str, Any], depth: int) -> Iterator[_Error]:
    given = {name.lower().replace("_", ""): value for name, value in answer.items()}
    codes = {str(given[name]).lower() for name in CODED if isinstance(given.get(name), (str, int))}
    message = next((given[name] for name in WORDED if isinstance(given.get(name), str)), "")
    if message or codes:
        for error in _errors(message, depth + 1):
            yield _Error(error.message, error.codes | codes, {**answer, **error.fields})
    for name, value in given.items():
        listed = name in WORDED and not isinstance(value, str)  # errors in place of words
        if listed or name in HOLDING or name.endswith("error"):
            yield from _errors(value, depth + 1)


def _refusal(error: _Error, request: bytes) -> TooLong | None:
    message = error.message.strip()
    coded = any(code in CODES or CODE.fullmatch(code) for code in error.codes | {message.lower()})
    whole = message[:ABOUT]
    while wrapped := WRAPPER.match(message):
        message = message[wrapped.end() :]
    if any("rate_limit" in code for code in error.codes):
        return None
    if not coded and not _says_so(message, whole):
        return None
    if may_be_quoted(message, request):
        return TooLong(None, None) if coded else None
    window = _count(error.fields.get("n_ctx")) or _first(WINDOW, message)
    prompt = _count(error.fields.get("n_prompt_tokens")) or _first(PROMPT, message)
    if window and prompt and prompt < window // 2:  # the answer that was asked for is too long
        return None
    return TooLong(window, prompt)


def _says_so(message: str, whole: str) -> bool:
    """Say whether a message begins with a provider's words for it, and is about nothing else."""
    if RATES.search(whole):
        return False
    if OPENINGS.match(message):
        return True
    sentence = re.split(r"\.\s|\n|。", whole, maxsplit=1)[0]
    return LIKELY.match(message) is not None and not OTHER.search(sentence)


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
