"""One message of a chat completion, read from its JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import orjson

from foveate.policies.types import Kind
from foveate.proxy.errors import FormatError
from foveate.proxy.formats.text import kind_of, split
from foveate.proxy.formats.tokens import TokenCounter

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
CONTENT_TYPES = frozenset({"text", "image_url", "input_audio", "file", "refusal", "video_url", "audio_url"})
# The most that a message may hold beside its text and still be split: each part that stays brings it along.
MOST_BESIDE = 30
MARK_TOKENS = 14  # of the mark that stands where parts were dropped, its line breaks included


class Piece(msgspec.Struct, frozen=True):
    """A stretch of a long message's text."""

    text_part: int  # which of the message's text parts it is cut from; 0 for a plain string
    text: str
    tokens: int
    kind: Kind


class Message(msgspec.Struct, frozen=True):
    """One wire message, read once in its life."""

    id: str  # hash of what it says: its wire content less cache marks
    role: str
    text: str
    kind: Kind
    tokens: int
    name: str = ""
    calls: frozenset[str] = frozenset()  # ids of the tool calls that it makes
    answers: str = ""  # id of the tool call that it answers
    pin: str = ""
    pieces: tuple[Piece, ...] = ()  # empty where it is not split


def read(raw: bytes, counter: TokenCounter, split_over: int) -> Message:
    """Return a message as it is understood; FormatError where its role or content is of no known type."""
    try:
        wire = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"a message is not JSON: {error}") from None
    if not isinstance(wire, dict) or wire.get("role") not in ROLES:
        raise FormatError("a message is not an object with a known role")
    role, content = wire["role"], wire.get("content")
    _check_content(content)
    calls = _calls(wire)
    text = _text(wire)
    tokens = counter.message(wire)
    splits = tokens > split_over and role in ("user", "assistant") and not calls
    plain = isinstance(content, str) and "cache_control" not in wire
    said = orjson.dumps(wire if plain else _canonical(wire), option=orjson.OPT_SORT_KEYS)
    return Message(
        id=digest([said]),
        role=role,
        text=text,
        kind="tool" if calls or role in ("tool", "function") else kind_of(text),
        tokens=tokens,
        name=name if isinstance(name := wire.get("name"), str) and role != "function" else "",
        calls=calls,
        answers=_answers(wire),
        pin="cache_control" if _has_cache_control(wire) else "",
        pieces=_pieces(content, tokens, counter, split_over) if splits else (),
    )


def _canonical(wire: dict[str, Any]) -> dict[str, Any]:
    """Return the message as far as it says something: cache marks move from request to request, the message stays."""
    content = wire.get("content")
    if isinstance(content, list):
        content = [{key: value for key, value in part.items() if key != "cache_control"} for part in content]
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            content = content[0]["text"]
    return {**{key: value for key, value in wire.items() if key != "cache_control"}, "content": content}


def _check_content(content: Any) -> None:
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise FormatError(f"a message's content is a {type(content).__name__}")
    for part in content:
        if not isinstance(part, dict) or part.get("type") not in CONTENT_TYPES:
            raise FormatError("a message's content has a part of an unknown type")


def _calls(wire: dict[str, Any]) -> frozenset[str]:
    calls = wire.get("tool_calls") or []
    if not isinstance(calls, list) or not all(isinstance(c, dict) for c in calls):
        raise FormatError("a message's tool_calls is not a list of objects")
    ids = {str(call.get("id", "")) for call in calls}
    if isinstance(wire.get("function_call"), dict):  # the form that tool_calls replaced: answered by name
        ids.add(f"function {wire['function_call'].get('name')}")
    return frozenset(ids)


def _answers(wire: dict[str, Any]) -> str:
    if wire["role"] == "tool":
        return str(wire.get("tool_call_id", ""))
    return f"function {wire.get('name')}" if wire["role"] == "function" else ""


def _text(wire: dict[str, Any]) -> str:
    calls = [*(wire.get("tool_calls") or []), {"function": wire.get("function_call")}]
    functions = [f for call in calls if isinstance(f := call.get("function"), dict)]
    called = [f"{f.get('name', '')} {f.get('arguments', '')}" for f in functions]
    return "\n".join([*_texts(wire.get("content")), *called])


def _texts(content: Any) -> Iterable[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        yield from (str(part["text"]) for part in content if "text" in part)


def _has_cache_control(wire: dict[str, Any]) -> bool:
    content = wire.get("content")
    parts = content if isinstance(content, list) else []
    return "cache_control" in wire or any("cache_control" in part for part in parts)


def _pieces(content: Any, tokens: int, counter: TokenCounter, split_over: int) -> tuple[Piece, ...]:
    if isinstance(content, list) and not all(p["type"] == "text" and isinstance(p.get("text"), str) for p in content):
        return ()
    pieces = tuple(
        Piece(n, stretch, counter.text(stretch), kind_of(stretch))
        for n, text in enumerate(_texts(content))
        for stretch in split(text, size=4 * (split_over // 4))
    )
    beside = tokens - sum(piece.tokens for piece in pieces)
    return pieces if len(pieces) > 1 and beside <= MOST_BESIDE else ()


def overhead(message: Message) -> int:
    """Return the most that keeping one part costs beside its text.

    The message's frame, a mark on either side, and one in each other text of a content list.
    """
    texts = len({piece.text_part for piece in message.pieces})
    beside = message.tokens - sum(piece.tokens for piece in message.pieces)
    return beside + MARK_TOKENS * (1 + texts)


def digest(pieces: Sequence[bytes]) -> str:
    """Return a hash of byte strings that tells apart where one ends and the next begins."""
    made = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        made.update(len(piece).to_bytes(8, "big"))
        made.update(piece)
    return made.hexdigest()
