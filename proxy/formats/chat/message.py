"""How a chat completion's message is understood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from foveate.proxy.errors import FormatError
from foveate.proxy.formats import marks
from foveate.proxy.formats.chat.counting import message_tokens
from foveate.proxy.formats.chat.reasoning import FIELDS, is_bound, is_thought, thinks, thought_tokens
from foveate.proxy.formats.parsed import Block, Piece, digest
from foveate.proxy.formats.text import kind_of, split
from foveate.proxy.formats.tokens import TokenCounter

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
CONTENT_TYPES = frozenset(
    {"text", "image_url", "input_audio", "file", "refusal", "video_url", "audio_url", "thinking", "redacted_thinking"}
)
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
    thoughtful = thinks(wire)
    return Block(
        id=_identity(wire),
        role=role,
        text=text,
        kind="tool" if calls or role in ("tool", "function") else kind_of(text),
        tokens=tokens,
        name=name if isinstance(name, str) and role != "function" else "",
        calls=calls,
        answers=_answers(wire),
        pin=marks.found(wire),
        pieces=pieces,
        beside=_beside(tokens, pieces),
        thought=thought_tokens(wire, counter) if thoughtful else 0,
        bound=thoughtful and is_bound(wire),
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
    """Return a hash of what a message says.

    Cache marks move from request to request and reasoning may be left out of later ones: the message stays.
    """
    said = {name: value for name, value in marks.without(wire).items() if value is not None and name not in FIELDS}
    content = said.get("content")
    if isinstance(content, list):
        spoken = [part for part in content if not is_thought(part)]
        alone = len(spoken) == 1 and spoken[0].keys() == {"type", "text"}
        said["content"] = spoken[0]["text"] if alone else spoken
    return digest([orjson.dumps(said, option=orjson.OPT_SORT_KEYS)])


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
