"""How a message is understood."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from foveate.policies.types import MARKS
from foveate.proxy.formats.messages.content import (
    KNOWN,
    REFERENCE,
    RESULT,
    TOLD,
    USES,
    Part,
    bare_of_marks,
    parts_of,
    said_in,
    sections,
    texts_of,
)
from foveate.proxy.formats.messages.counting import (
    PER_MESSAGE,
    block_tokens,
    holds_guesses,
    input_of,
    parts_tokens,
)
from foveate.proxy.formats.messages.reasoning import is_signed, is_thinking, thinking_tokens
from foveate.proxy.formats.parsed import Block, Call, Item, Piece, digest, pairing
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.contents import is_plain_text, texts_told
from foveate.proxy.formats.wire.reading import decoded, is_crowded, part_kind, short_fields
from foveate.proxy.formats.wire.text import beside_of, block_pieces, text_beside, text_kind
from foveate.proxy.formats.wire.writing import sorted_json

ROLES = frozenset({"user", "assistant", "system"})
NO_FORM = "of no known form"
_ANSWERS = re.compile(
    rb'"tool_use_id"\s*:\s*("[^"\\]{0,200}")'
)  # in a text its quotes would be escaped


def read_turn(raw: bytes, counter: TokenCounter, split_over: int) -> Item:
    """Return a message as it is understood; FormatError where it is no JSON.

    What is no message by the API's rules counts as its JSON and stays as it is.
    """
    if is_crowded(raw):
        return _crowded(raw, counter)
    wire = decoded(raw)
    parts = parts_of(wire.get("content")) if isinstance(wire, dict) else None
    if parts is None:
        return _opaque(raw, wire, counter)
    role = role_of(wire)
    try:
        made = [
            _block(role, [parts[i] for i in places], counter, split_over)
            for places in sections(role, parts)
        ]
    except (RecursionError, TypeError):  # nested too deep to be written anew, or of no shape there is
        return _opaque(raw, wire, counter)
    tokens = sum([block.tokens for block in made]) - PER_MESSAGE * (len(made) - 1)
    identity = made[0].id if len(made) == 1 else digest([block.id.encode() for block in made])
    return Item(identity, tokens, tuple(made), holds_guesses(parts))


def role_of(wire: Any) -> str:
    """Return a message's role, empty where it states none."""
    role = wire.get("role") if isinstance(wire, dict) else None
    return role if isinstance(role, str) else ""


def _crowded(raw: bytes, counter: TokenCounter) -> Item:
    """Return a message with more in it than is read, and the call that its first result answers."""
    answers = _ANSWERS.search(raw)
    told = [{"type": RESULT, "tool_use_id": decoded(answers[1])}] if answers else []
    return _opaque(raw, {**short_fields(raw), "content": told}, counter)


def _opaque(raw: bytes, wire: Any, counter: TokenCounter) -> Item:
    """Return a message of which no more is known than its JSON, and which calls it makes or answers."""
    content = wire.get("content") if isinstance(wire, dict) else None
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    role = role_of(wire)
    answers = next(
        (pairing(part.get("tool_use_id")) for part in parts if part_kind(part) == RESULT), ""
    )
    text = raw.decode("utf-8", "replace")
    block = Block(
        id=digest([raw]),
        role="tool" if answers else role,
        text=text,
        kind="document",
        tokens=PER_MESSAGE + counter.text(text),
        calls=_calls(parts),
        answers=answers,
        pin=NO_FORM,
    )
    return Item(block.id, block.tokens, (block,))


def _block(role: str, parts: list[Part], counter: TokenCounter, split_over: int) -> Block:
    if parts and parts[0].get("type") == RESULT and role == "user":
        return _result(parts, counter)
    calls = _calls(parts)
    text = _text(role, parts)
    tokens = PER_MESSAGE + parts_tokens(parts, counter)
    pin = _pin(role, parts) if role in ROLES else role[:40] or NO_FORM
    splits = tokens > split_over and role != "system" and not calls and not pin
    pieces = _pieces(parts, tokens, counter, split_over) if splits else ()
    thoughts = [part for part in parts if is_thinking(part)]
    return Block(
        id=_identity(role, parts),
        role=role,
        text=text_beside(pieces, text),
        kind="tool" if calls else text_kind(text),
        tokens=tokens,
        calls=calls,
        answers=_continues(parts),
        pin=pin,
        pieces=pieces,
        beside=beside_of(tokens, pieces),
        thought=sum([thinking_tokens(part, counter) for part in thoughts]),
        bound=any(is_signed(part) for part in thoughts),
        made=_made(parts),
    )


def _result(parts: list[Part], counter: TokenCounter) -> Block:
    """Return the block of a tool's result, with what of the agent's goes with it."""
    content = parts[0].get("content")
    tokens = block_tokens(parts[0], counter)
    return Block(
        id=_identity("tool", parts),
        role="tool",
        text="\n".join(texts_of(content)),
        kind="tool",
        tokens=PER_MESSAGE + tokens + parts_tokens(parts[1:], counter),
        answers=pairing(parts[0].get("tool_use_id")),
        pin=_pin("tool", parts),
        told=texts_told(content, tokens, counter),
    )


def _made(parts: Sequence[Part]) -> tuple[Call, ...]:
    uses = [part for part in parts if part_kind(part) in USES]
    return tuple([_call(part) for part in uses])


def _call(part: Part) -> Call:
    tool = str(part.get("name", ""))
    said = f"{tool} {input_of(part)}"
    return Call(pairing(part.get("id")), tool, said, by_code=bool(_caller_of(part)))


def _identity(role: str, parts: Sequence[Part]) -> str:
    """Return a hash of what parts say.

    Cache marks move from request to request and reasoning may be left out of later ones: the message
    stays.
    """
    said = [bare_of_marks(part) for part in parts if not is_thinking(part)]
    return digest([role.encode(), sorted_json(said)])


def _text(role: str, parts: Sequence[Part]) -> str:
    said = texts_of([part for part in parts if part_kind(part) not in USES])
    if role == "user":
        told = [said_in(text) for text in said]
        meant = [text for text in told if not text.startswith("<system-reminder>")]
        said = meant or told
    return "\n".join([*said, *(call.said for call in _made(parts))])


def _calls(parts: Sequence[Part]) -> frozenset[str]:
    """Return the ids of the calls that these parts leave open."""
    return frozenset(_made_by(parts).difference(_answered_by(parts)))


def _made_by(parts: Sequence[Part]) -> set[str]:
    return {pairing(part.get("id")) for part in parts if part_kind(part) in USES}


def _answered_by(parts: Sequence[Part]) -> list[str]:
    return [pairing(part.get("tool_use_id")) for part in parts if part_kind(part).endswith(RESULT)]


def _continues(parts: Sequence[Part]) -> str:
    """Return the id of a call that an earlier message of the same turn has made and these parts answer,
    or are made by: code that runs at the provider calls tools in several messages.
    """
    made = _made_by(parts)
    named = [*_answered_by(parts), *[_caller_of(part) for part in parts]]
    return next((each for each in named if each and each not in made), "")


def _caller_of(part: Part) -> str:
    """Return the id of the call that has made a call, empty where the model itself has."""
    caller = part.get("caller")
    made = caller.get("tool_id") if isinstance(caller, dict) else None
    return made if isinstance(made, str) else ""


def _pin(role: str, parts: Sequence[Part]) -> str:
    """Return why the parts have to stay, empty where they need not.

    A cache mark says so of a user's words alone: agents move it along over results and answers.
    """
    for part in parts:
        kind = str(part.get("type"))
        if kind not in KNOWN and not kind.endswith("_tool_result"):
            return kind[:40]
        holds = _holds(part)
        if holds:
            return holds
    marked = [mark for mark in MARKS for part in parts if part.get(mark)] if role == "user" else []
    return marked[0] if marked else ""


def _holds(part: Part) -> str:
    """Return what a tool's result holds that more depends on than the result: a reference that keeps
    the definition of another tool loaded, or of a client's tool whatever is not known here.
    """
    content = part.get("content")
    inside = [content] if isinstance(content, dict) else content if isinstance(content, list) else []
    found = [each for each in inside if isinstance(each, dict)]
    if any(each.get("type") == REFERENCE or each.get("tool_references") for each in found):
        return REFERENCE
    strange = [each for each in found if part_kind(each) not in TOLD]
    return str(strange[0].get("type"))[:40] if strange and part_kind(part) == RESULT else ""


def _pieces(
    parts: Sequence[Part], tokens: int, counter: TokenCounter, split_over: int
) -> tuple[Piece, ...]:
    if not all(is_plain_text(part) for part in parts):
        return ()
    return block_pieces([part["text"] for part in parts], tokens, counter, split_over)
