"""How a chat completion's message is understood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from foveate.proxy.errors import FormatError
from foveate.proxy.formats.chat.counting import message_tokens
from foveate.proxy.formats.parsed import Block, Piece, digest
from foveate.proxy.formats.text import kind_of, split
from foveate.proxy.formats.tokens import TokenCounter

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
CONTENT_TYPES = frozenset({"text", "image_url", "input_audio", "file", "refusal", "video_url", "audio_url"})
# The most that a message may hold beside its text and still be split: each part that stays brings it along.
MOST_BESIDE = 30
MARK_TOKENS = 14  # of the mark that stands where parts were dropped, its line breaks included


def read_message(raw: bytes, counter: TokenCounter, split_over: int) -> Block:
    """Return a message as it is understood; FormatError where its role or content is of no known type."""
    wire = _decoded(raw)
    role, content = wire["role"], wire.get("content")
    _check_content(content)
    calls = _calls(wire)
    text = _text(wire)
    tokens = message_tokens(wire, counter)
    splits = tokens > split_over and role in ("user", "assistant") and not calls
    pieces = _pieces(content, tokens, counter, split_over) if splits else ()
    name = wire.get("name")
    return Block(
        id=_identity(wire),
        role=role,
        text=text,
        kind="tool" if calls or role in ("tool", "function") else kind_of(text),
        tokens=tokens,
        name=name if isinstance(name, str) and role != "function" else "",
        calls=calls,
        answers=_answers(wire),
        pin="cache_control" if _has_cache_control(wire) else "",
        pieces=pieces,
        beside=_beside(tokens, pieces),
    )


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        wire = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"a message is not JSON: {error}") from None
    if not isinstance(wire, dict) or wire.get("role") not in ROLES:
        raise FormatError("a message is not an object with a known role")
    return wire


def _identity(wire: dict[str, Any]) -> str:
    """Return a hash of what a message says: cache marks move from request to request, the message stays."""
    plain = isinstance(wire.get("content"), str) and "cache_control" not in wire
    said = wire if plain else _canonical(wire)
    return digest([orjson.dumps(said, option=orjson.OPT_SORT_KEYS)])


def _canonical(wire: dict[str, Any]) -> dict[str, Any]:
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
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
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
    functions = [call.get("function") for call in calls]
    called = [f"{f.get('name', '')} {f.get('arguments', '')}" for f in functions if isinstance(f, dict)]
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
    if isinstance(content, list) and not all(_is_plain_text(part) for part in content):
        return ()
    pieces = tuple(
        Piece(n, stretch, counter.text(stretch), kind_of(stretch))
        for n, text in enumerate(_texts(content))
        for stretch in split(text, size=4 * (split_over // 4))
    )
    beside = tokens - sum(piece.tokens for piece in pieces)
    return pieces if len(pieces) > 1 and beside <= MOST_BESIDE else ()


def _is_plain_text(part: dict[str, Any]) -> bool:
    return part["type"] == "text" and isinstance(part.get("text"), str)


def _beside(tokens: int, pieces: Sequence[Piece]) -> int:
    """Return the most that keeping one piece costs beside its text.

    The message's frame, a mark on either side, and one in each other text of a content list.
    """
    if not pieces:
        return 0
    texts = len({piece.part for piece in pieces})
    return tokens - sum(piece.tokens for piece in pieces) + MARK_TOKENS * (1 + texts)
