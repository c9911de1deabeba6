"""How a chat completion's message is understood; one that is of no known kind is kept or dropped as it
is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from foveate.proxy.formats.chat.counting import PER_MESSAGE, is_guessed, message_tokens
from foveate.proxy.formats.chat.reasoning import FIELDS, is_bound, is_thought, thinks, thought_tokens
from foveate.proxy.formats.parsed import Block, Call, Piece, Told, digest, pairing
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire import marks
from foveate.proxy.formats.wire.contents import is_plain_text, texts_told
from foveate.proxy.formats.wire.reading import decoded, is_crowded, short_fields
from foveate.proxy.formats.wire.text import beside_of, block_pieces, text_beside, text_kind
from foveate.proxy.formats.wire.writing import sorted_json

SPLIT_ROLES = ("user", "assistant")
RESULT_ROLES = ("tool", "function")


def read_message(raw: bytes, counter: TokenCounter, split_over: int) -> tuple[Block, bool]:
    """Return a message as it is understood, and whether its tokens are a guess; FormatError where it is
    no JSON.

    What OpenAI does not list, a role, a part of content or a call, counts as its JSON, and its message
    is never split.
    """
    if is_crowded(raw):
        return _opaque(raw, short_fields(raw), counter), True
    wire = decoded(raw)
    if not isinstance(wire, dict):
        return _opaque(raw, {}, counter), True
    try:
        return _understood(wire, counter, split_over), is_guessed(wire)
    except (RecursionError, TypeError):  # nested too deep to be written anew, or of no shape there is
        return _opaque(raw, wire, counter), True


def _opaque(raw: bytes, wire: dict[str, Any], counter: TokenCounter) -> Block:
    """Return a message of which no more is known than its JSON, and which calls it makes or answers."""
    role = _role(wire)
    text = raw.decode("utf-8", "replace")
    return Block(
        id=digest([raw]),
        role=role,
        text=text,
        kind="document",
        tokens=PER_MESSAGE + counter.text(text),
        calls=_calls(wire),
        answers=_answers(wire, role),
        pin="" if role else "no message",
    )


def _understood(wire: dict[str, Any], counter: TokenCounter, split_over: int) -> Block:
    role, content = _role(wire), wire.get("content")
    calls = _calls(wire)
    tokens = message_tokens(wire, counter)
    name = wire.get("name")
    thoughtful = role == "assistant" and thinks(wire)  # in another's words such a field says nothing
    bound = thoughtful and is_bound(wire)
    # What the model says of bound reasoning stays or goes with it: a piece could not tell that the
    # message has any.
    splits = tokens > split_over and role in SPLIT_ROLES and not calls and not bound
    pieces = _pieces(content, tokens, counter, split_over) if splits else ()
    text = _text(wire)
    return Block(
        id=_identity(wire),
        role=role,
        text=text_beside(pieces, text),
        kind="tool" if calls or role in RESULT_ROLES else text_kind(text),
        tokens=tokens,
        name=name if isinstance(name, str) and role != "function" else "",
        calls=calls,
        answers=_answers(wire, role),
        pin=marks.found(wire),
        pieces=pieces,
        beside=beside_of(tokens, pieces),
        thought=thought_tokens(wire, counter) if thoughtful else 0,
        bound=bound,
        made=_made(wire),
        told=_told(wire, tokens, counter) if role in RESULT_ROLES else (),
    )


def _role(wire: dict[str, Any]) -> str:
    role = wire.get("role")
    return role if isinstance(role, str) else ""


def _identity(wire: dict[str, Any]) -> str:
    """Return a hash of what a message says.

    Cache marks move from request to request and reasoning may be left out of later ones: the message
    stays.
    """
    said = {
        name: value
        for name, value in marks.without(wire).items()
        if value is not None and name not in FIELDS
    }
    content = said.get("content")
    if isinstance(content, list):
        spoken = [part for part in content if not is_thought(part)]
        alone = (
            len(spoken) == 1 and isinstance(spoken[0], dict) and spoken[0].keys() == {"type", "text"}
        )
        said["content"] = spoken[0]["text"] if alone else spoken
    return digest([sorted_json(said)])


def _calls(wire: dict[str, Any]) -> frozenset[str]:
    calls = wire.get("tool_calls")
    given = calls if isinstance(calls, list) else [calls] if calls else []
    ids = {pairing(call.get("id") if isinstance(call, dict) else None) for call in given}
    # The form that tool_calls replaced: answered by name
    if isinstance(wire.get("function_call"), dict):
        ids.add(f"function {wire['function_call'].get('name')}")
    return frozenset(ids)


def _made(wire: dict[str, Any]) -> tuple[Call, ...]:
    """Return the calls that a message makes, as far as they name a function."""
    calls = wire.get("tool_calls")
    given = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    made = [(pairing(call.get("id")), call.get("function")) for call in given]
    older = wire.get("function_call")
    if isinstance(older, dict):
        made.append((f"function {older.get('name')}", older))
    return tuple(
        [
            Call(
                key,
                str(function.get("name", "")),
                f"{function.get('name', '')} {function.get('arguments', '')}",
            )
            for key, function in made
            if isinstance(function, dict)
        ]
    )


def _told(wire: dict[str, Any], tokens: int, counter: TokenCounter) -> tuple[Told, ...]:
    """Return the texts of a result, each under the position of its part; `tokens` are those of the
    message.
    """
    content = wire.get("content")
    frame = message_tokens({**wire, "content": ""}, counter) if isinstance(content, str) else 0
    return texts_told(content, tokens - frame, counter)


def _answers(wire: dict[str, Any], role: str) -> str:
    if role == "tool":
        return pairing(wire.get("tool_call_id"))
    return f"function {wire.get('name')}" if role == "function" else ""


def _text(wire: dict[str, Any]) -> str:
    calls = wire.get("tool_calls")
    given = [*(calls if isinstance(calls, list) else []), {"function": wire.get("function_call")}]
    functions = [call.get("function") for call in given if isinstance(call, dict)]
    called = [f"{f.get('name', '')} {f.get('arguments', '')}" for f in functions if isinstance(f, dict)]
    return "\n".join([*_texts(wire.get("content")), *called])


def _texts(content: Any) -> Iterable[str]:
    """Yield the text of a message's content, one for each of its parts."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, str):
                yield part
            elif isinstance(part, dict) and "text" in part:
                yield str(part["text"])


def _pieces(content: Any, tokens: int, counter: TokenCounter, split_over: int) -> tuple[Piece, ...]:
    if isinstance(content, list) and not all(is_plain_text(part) for part in content):
        return ()
    return block_pieces(_texts(content), tokens, counter, split_over)
