"""How an input item is understood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from foveate.policies.types import MARKS
from foveate.proxy.formats.parsed import Block, Call, Piece, Told, digest
from foveate.proxy.formats.responses import kinds
from foveate.proxy.formats.responses.counting import (
    PER_ITEM,
    PER_ROLE,
    UNSAID,
    item_is_guessed,
    item_tokens,
)
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire import marks
from foveate.proxy.formats.wire.contents import is_plain_text, texts_told
from foveate.proxy.formats.wire.reading import decoded, is_crowded, short_fields
from foveate.proxy.formats.wire.text import beside_of, block_pieces, text_beside, text_kind
from foveate.proxy.formats.wire.writing import json_of, sorted_json

ROLES = frozenset({"system", "developer", "user", "assistant"})
UNKNOWN = "of unknown type"
PLAIN = frozenset({"input_text", "output_text", "text"})
# What the server adds to an item, and a client may send or leave out: the item is the same.
ORNAMENTS = frozenset({"id", "status"})


def read_item(raw: bytes, counter: TokenCounter, split_over: int) -> tuple[Block, bool]:
    """Return an input item as it is understood, and whether its tokens are in part guesses; FormatError
    where it is no JSON.

    An item whose type is not known here is pinned, and so is what cannot be looked into.
    """
    if is_crowded(raw):
        return _opaque(raw, short_fields(raw), counter), True
    item = item_of(raw)
    guessed = item_is_guessed(item)
    if not item:
        return _opaque(raw, item, counter), guessed
    try:
        return _understood(item, counter, split_over), guessed
    except (RecursionError, TypeError):  # nested too deep to be written anew, or of no shape there is
        return _opaque(raw, item, counter), guessed


def item_of(raw: bytes) -> dict[str, Any]:
    """Return an item as an object; a string, which is all of its input, is the user's. Empty for
    anything else.
    """
    item = decoded(raw)
    if isinstance(item, str):
        return {"role": "user", "content": item}
    return item if isinstance(item, dict) else {}


def _opaque(raw: bytes, item: dict[str, Any], counter: TokenCounter) -> Block:
    """Return an item of which no more is known than its JSON, whose it is and what it belongs to."""
    kind, role = kinds.kind(item), item.get("role")
    text = raw.decode("utf-8", "replace")
    return Block(
        id=digest([raw]),
        role=role if isinstance(role, str) and role in ROLES else _speaker(kind),
        text=text,
        kind="document",
        tokens=PER_ITEM + counter.text(text),
        calls=_calls(item, kind),
        answers=_answers(item, kind),
        pin=UNKNOWN,
        joins=kind in kinds.CALLS,
        leads=kind == "reasoning",
    )


def _understood(item: dict[str, Any], counter: TokenCounter, split_over: int) -> Block:
    kind = kinds.kind(item)
    if kind == "message" and item.get("role") in ROLES:
        return _message(item, counter, split_over)
    if kind == "reasoning":
        return _reasoning(item, counter)
    return _other(item, kind, counter)


def _message(item: dict[str, Any], counter: TokenCounter, split_over: int) -> Block:
    role, content = item["role"], item.get("content")
    text = "\n".join(_texts(content))
    tokens = item_tokens(item, counter)
    splits = tokens > split_over and role in ("user", "assistant")
    pieces = _pieces(content, tokens, counter, split_over) if splits else ()
    return Block(
        id=_identity(item),
        role=role,
        text=text_beside(pieces, text),
        kind=text_kind(text),
        tokens=tokens,
        pin=marks.found(item),
        pieces=pieces,
        beside=beside_of(tokens, pieces),
    )


def _reasoning(item: dict[str, Any], counter: TokenCounter) -> Block:
    """Return reasoning, which leads to an answer and says nothing of its own.

    Encrypted, or known by its id alone, it is tied to its prompt; as plain text it is not.
    """
    tokens = item_tokens(item, counter)
    plain = bool(item.get("content")) and not item.get("encrypted_content")
    return Block(
        id=_identity(item),
        role="assistant",
        text="",
        kind="conversation",
        tokens=tokens,
        thought=tokens,
        bound=not plain,
        leads=True,
    )


def _other(item: dict[str, Any], kind: str, counter: TokenCounter) -> Block:
    known = kind in kinds.CALLS or kind in kinds.OUTPUTS or kind in kinds.SERVED
    pin = "" if known else kinds.STANDING.get(kind, UNKNOWN)
    tokens = item_tokens(item, counter)
    made = _made(item, kind)
    told: tuple[Told, ...] = ()
    if kind in kinds.PLAIN_OUTPUTS:
        told = texts_told(item.get("output"), tokens - PER_ITEM - PER_ROLE, counter, PLAIN)
    return Block(
        id=_identity(item),
        role=_speaker(kind),
        text=made[0].said if kind in kinds.PLAIN_CALLS else "\n".join(_said(item)),
        kind="tool",
        tokens=tokens,
        calls=_calls(item, kind),
        answers=_answers(item, kind),
        pin=pin or marks.found({"content": item.get("output")}),
        clings=kind in kinds.NAMED and isinstance(item.get("id"), str),
        sums_up=kind == kinds.COMPACTION,
        made=made,
        joins=kind in kinds.CALLS,
        told=told,
    )


def _made(item: dict[str, Any], kind: str) -> tuple[Call, ...]:
    """Return the call that an item is, under each id that an output may name."""
    if kind not in kinds.CALLS:
        return ()
    tool = str(item.get("name") or kind.removesuffix("_call"))
    given = item.get("arguments", item.get("input", item.get("action")))
    said = f"{tool} {given if isinstance(given, str) else json_of(given).decode()}"
    by_code = bool(_caller_of(item))
    return tuple([Call(key, tool, said, by_code) for key in sorted(_calls(item, kind))])


def _speaker(kind: str) -> str:
    """Return whose an item is; the model's where it is part of what follows its reasoning."""
    if kind in kinds.OUTPUTS or kind == "mcp_approval_response":
        return "tool"
    return "developer" if kind in kinds.SETTINGS else "assistant"


def _calls(item: dict[str, Any], kind: str) -> frozenset[str]:
    """Return what an output names to answer it.

    The id where there is one. Where there is none, the kind of call: an output then answers the latest
    of its kind.
    """
    if kind == "mcp_approval_request":
        return frozenset({str(item.get("id", ""))})
    if kind not in kinds.CALLS:
        return frozenset()
    called, own = item.get("call_id"), item.get("id")
    named = [called if isinstance(called, str) and called else kind]
    return frozenset([*named, own] if isinstance(own, str) and own else named)


def _answers(item: dict[str, Any], kind: str) -> str:
    if kind == "mcp_approval_response":
        return str(item.get("approval_request_id", ""))
    if kind in kinds.OUTPUTS:
        named = item.get("call_id") or (item.get("id") if kind == "local_shell_call_output" else None)
        return named if isinstance(named, str) and named else kind.removesuffix("_output")
    return _caller_of(item)


def _caller_of(item: dict[str, Any]) -> str:
    """Return the id of the program that has made a call, empty where the model itself has."""
    caller = item.get("caller")
    made = caller.get("caller_id") if isinstance(caller, dict) else None
    return made if isinstance(made, str) else ""


def _identity(item: dict[str, Any]) -> str:
    """Return a hash of what an item says, less cache marks and what the server adds."""
    said = {name: value for name, value in marks.without(item).items() if value is not None}
    known = kinds.kind(item)
    if known != "reasoning" or said.get("encrypted_content"):
        said = {name: value for name, value in said.items() if name not in ORNAMENTS}
    said["type"] = known
    content = said.get("content")
    if isinstance(content, list) and len(content) == 1 and is_plain_text(content[0], PLAIN):
        said["content"] = content[0]["text"]
    return digest([sorted_json(said)])


def _texts(content: Any) -> Iterable[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        yield from (part["text"] for part in content if _is_text(part))


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)


def _pieces(content: Any, tokens: int, counter: TokenCounter, split_over: int) -> tuple[Piece, ...]:
    if isinstance(content, list) and not all(is_plain_text(part, PLAIN) for part in content):
        return ()
    return block_pieces(_texts(content), tokens, counter, split_over)


def _said(item: dict[str, Any]) -> Iterator[str]:
    """Yield the texts in an item's fields, down to any depth: names, arguments, queries, results."""
    for name, value in item.items():
        if (name not in UNSAID and name != "result") or (
            name == "result" and item.get("type") == "program_output"
        ):
            yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in ("type", "image_url", "file_data", *MARKS):
                yield from _strings(part)
