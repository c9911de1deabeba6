"""OpenAI's chat-completion requests (API reference, "Create chat completion") to segments and back."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from policies.types import Key, Kind, Segment
from proxy.cache import Cache
from proxy.errors import FormatError
from proxy.formats.text import kind_of, split
from proxy.tokens import AUDIO, FILE, IMAGE, PRIMING, TokenCounter

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
CONTENT_TYPES = frozenset({"text", "image_url", "input_audio", "file", "refusal", "video_url", "audio_url"})
# The most that a message may hold beside its text and still be split: each part that stays brings it along.
MOST_BESIDE = 30
MARK_TOKENS = 14  # of the mark that stands where parts were dropped, its line breaks included
# More than any part that is no text counts, and than the frame of a tool.
PART_TOKENS = max(IMAGE, AUDIO, FILE)

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Head:
    """A request's top level, its values still the caller's bytes."""

    fields: dict[str, msgspec.Raw]
    model: str
    max_output: int | None  # tokens that the caller reserves for the answer


@dataclass(frozen=True, slots=True)
class Request(Head):
    """A request of which the messages, too, are told apart."""

    messages: list[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a long message's text."""

    text_part: int  # which of the message's text parts it is cut from; 0 for a plain string
    text: str
    tokens: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Message:
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


class Known:
    """A message that was read, and the segments that it was when it was last met."""

    __slots__ = ("message", "segments")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.segments: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a segment's content stands in the request."""

    messages: tuple[int, ...]
    piece: int | None = None  # which piece of its only message; None for whole messages


@dataclass(frozen=True, slots=True)
class Chat:
    """A parsed request: its segments, oldest first, and the way back to bytes."""

    request: Request
    messages: list[Message]
    segments: tuple[Segment, ...]
    places: tuple[Place, ...]  # one a segment
    fixed_tokens: int  # tools, schemas and the answer's opening: there whatever is dropped
    tokens: int  # of the whole prompt
    counter: TokenCounter = field(repr=False)

    @property
    def query(self) -> str:
        """The text of the latest user turn; of the last message where no user has spoken."""
        spoken = (m.text for m in reversed(self.messages) if m.role == "user")
        return next(spoken, self.messages[-1].text if self.messages else "")


def read(body: bytes) -> Request:
    """Return a request's top level and its messages; FormatError where it is no chat completion."""
    return opened(head(body))


def opened(top: Head) -> Request:
    """Return the request with its messages told apart; FormatError where they are no list."""
    try:
        return Request(top.fields, top.model, top.max_output, _decode_list(top.fields["messages"]))
    except msgspec.DecodeError as error:
        raise FormatError(f"the body is not a chat completion: {error}") from None


def head(body: bytes) -> Head:
    """Return the top level of a request; FormatError where it is no chat completion."""
    try:
        fields = _decode_object(body)
        if "messages" not in fields:
            raise FormatError("the body has no messages")
        model = orjson.loads(bytes(fields["model"])) if "model" in fields else ""
        limits = [orjson.loads(bytes(fields[k])) for k in ("max_completion_tokens", "max_tokens") if k in fields]
    except (msgspec.DecodeError, orjson.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"the body is not a chat completion: {error}") from None
    reserved = next((n for n in limits if isinstance(n, int) and not isinstance(n, bool) and n > 0), None)
    return Head(fields, model if isinstance(model, str) else "", reserved)


def most_tokens(body: bytes) -> int:
    """Return what a body cannot exceed, unread: a token takes a byte, and what is no text has a `type` of its own."""
    return len(body) + PART_TOKENS * body.count(b'"type"')


def unread(request: Request, counter: TokenCounter, cache: Cache, split_over: int) -> int:
    """Return how many bytes of the request's messages are not in the cache."""
    keys = [_key(bytes(raw), counter, split_over) for raw in request.messages]
    return sum(len(key[-1]) for key, known in zip(keys, cache.get_all(keys), strict=True) if known is None)


def wire_messages(body: bytes) -> list[Any]:
    """Return a body's messages decoded, none where it cannot be read."""
    try:
        return [orjson.loads(bytes(raw)) for raw in read(body).messages]
    except (FormatError, orjson.JSONDecodeError):
        return []


def parse(request: Request, counter: TokenCounter, cache: Cache, split_over: int) -> Chat:
    """Return the request's segments; FormatError where a role or a content type is not known.

    A message is worked on once: `cache` keeps it under its hash.
    """
    known = _known(request, counter, cache, split_over)
    messages = [k.message for k in known]
    units = group(messages)
    latest = max((i for i, m in enumerate(messages) if m.role == "user"), default=len(messages))
    segments: list[Segment] = []
    places: list[Place] = []
    turn = 0
    for unit in units:
        first = messages[unit[0]]
        turn += first.role == "user"
        if first.pieces and unit[0] < latest and not first.pin and first.role in ("user", "assistant"):
            segments += _again(known[unit[0]], turn, (unit[0], 0)) or _parts(known[unit[0]], turn, unit[0])
            places += [Place((unit[0],), n) for n in range(len(first.pieces))]
        elif len(unit) == 1:
            segments += _again(known[unit[0]], turn, (unit[0], -1)) or _single(known[unit[0]], turn, unit[0])
            places.append(Place(tuple(unit)))
        else:
            segments.append(_whole([messages[i] for i in unit], turn, (unit[0], -1)))
            places.append(Place(tuple(unit)))
    fixed = _fixed_tokens(request, counter)
    tokens = fixed + sum(m.tokens for m in messages)
    return Chat(request, messages, tuple(segments), tuple(places), fixed, tokens, counter)


def _again(known: Known, turn: int, key: Key) -> tuple[Segment, ...]:
    """Return a message's segments as they were built before, where it stands in the same place: histories grow."""
    built = known.segments
    return built if built and built[0].key == key and built[0].turn == turn else ()


def _single(known: Known, turn: int, position: int) -> tuple[Segment, ...]:
    known.segments = built = (_whole([known.message], turn, (position, -1)),)
    return built


def _parts(known: Known, turn: int, position: int) -> tuple[Segment, ...]:
    message = known.message
    overhead = _overhead(message)
    built = tuple(_part(message, piece, overhead, turn, (position, n)) for n, piece in enumerate(message.pieces))
    known.segments = built
    return built


def group(messages: Sequence[Message]) -> list[list[int]]:
    """Return the positions of the messages that live and die together: a tool call with all its results."""
    units: list[list[int]] = []
    callers: dict[str, list[int]] = {}
    for i, message in enumerate(messages):
        unit = callers.get(message.answers) if message.answers else None
        if unit is not None:
            unit.append(i)
            continue
        unit = [i]
        units.append(unit)
        callers.update(dict.fromkeys(message.calls, unit))
    return units


@dataclass(frozen=True, slots=True)
class Row:
    """A message of the prompt: which of the request's, what is left of it, and what is quoted ahead of its text."""

    message: int
    pieces: frozenset[int] | None  # None for all of it
    excerpts: tuple[int, ...] = ()  # positions of segments


def layout(chat: Chat, kept: Collection[int], recalled: Mapping[int, Sequence[int]]) -> list[Row]:
    """Return the prompt's messages, in order, for the segments at the positions `kept`.

    `recalled` maps the position of a user message to the segments that are quoted ahead of its text.
    """
    whole: set[int] = set()
    partly: dict[int, set[int]] = {}
    for position in kept:
        place = chat.places[position]
        if place.piece is None:
            whole.update(place.messages)
        else:
            partly.setdefault(place.messages[0], set()).add(place.piece)
    whole.update(i for i, pieces in partly.items() if len(pieces) == len(chat.messages[i].pieces))
    return [
        Row(i, None if i in whole else frozenset(partly[i]), tuple(recalled.get(i, ())))
        for i in range(len(chat.messages))
        if i in whole or i in partly
    ]


def rebuild(chat: Chat, rows: Sequence[Row]) -> tuple[bytes, list[int]]:
    """Return the body with those messages, and the tokens of each.

    They are the caller's own bytes; only a message of which parts are left out, or that excerpts are put into, is
    written anew.
    """
    written: list[bytes] = []
    tokens: list[int] = []
    for row in rows:
        raw = bytes(chat.request.messages[row.message])
        if row.pieces is None and not row.excerpts:
            written.append(raw)
            tokens.append(chat.messages[row.message].tokens)
            continue
        wire = orjson.loads(raw)
        if row.pieces is not None:
            wire = _shorten(wire, chat.messages[row.message].pieces, row.pieces)
        if row.excerpts:
            wire = _quote(wire, [chat.segments[i] for i in row.excerpts])
        written.append(orjson.dumps(wire))
        tokens.append(chat.counter.message(wire))
    fields = {**chat.request.fields, "messages": msgspec.Raw(b"[" + b",".join(written) + b"]")}
    return msgspec.json.encode(fields), tokens


def mark(tokens: int) -> str:
    """Return the text that stands where parts of a message were dropped."""
    return f"[... {tokens:,} tokens left out ...]"


def _quote(message: dict[str, Any], segments: Sequence[Segment]) -> dict[str, Any]:
    quoted = "".join(f"[{' '.join(filter(None, (said_by(s), s.name)))}] {s.text}\n" for s in segments)
    frame = f"[Excerpts from earlier in this conversation]\n{quoted}[End of excerpts]\n\n"
    content = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [{"type": "text", "text": frame}, *content]}
    return {**message, "content": frame + (content or "")}


def said_by(segment: Segment) -> str:
    """Return who is quoted."""
    return "tool" if segment.kind == "tool" else segment.role


def _shorten(message: dict[str, Any], pieces: Sequence[Piece], kept: Collection[int]) -> dict[str, Any]:
    texts: dict[int, str] = {}
    dropped = 0
    for n, piece in enumerate(pieces):
        text = texts.setdefault(piece.text_part, "")
        if n in kept:
            texts[piece.text_part] = text + piece.text
            continue
        dropped += piece.tokens
        follows = pieces[n + 1] if n + 1 < len(pieces) else None
        if follows is None or n + 1 in kept or follows.text_part != piece.text_part:
            lead = "" if not text or text.endswith("\n") else "\n"
            trail = "\n" if follows is not None and follows.text_part == piece.text_part else ""
            texts[piece.text_part] = text + lead + mark(dropped) + trail
            dropped = 0
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": texts[0]}
    return {**message, "content": [{**part, "text": texts.get(n, part["text"])} for n, part in enumerate(content)]}


def _key(raw: bytes, counter: TokenCounter, split_over: int) -> tuple[str, str, int, bytes]:
    """Return a message's key in the cache: its bytes, which are compared quicker than a digest of them is made."""
    return ("message", counter.name, split_over, raw)


def _known(request: Request, counter: TokenCounter, cache: Cache, split_over: int) -> list[Known]:
    keys = [_key(bytes(raw), counter, split_over) for raw in request.messages]
    found: list[Known] = cache.get_all(keys)
    for i, known in enumerate(found):
        if known is None:
            message = _read_message(keys[i][-1], counter, split_over)
            found[i] = Known(message)
            cache.put(keys[i], found[i], size=1900 + (5 if message.pieces else 3) * len(keys[i][-1]))
    return found


def _read_message(raw: bytes, counter: TokenCounter, split_over: int) -> Message:
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
    return Message(
        id=_digest([orjson.dumps(_canonical(wire), option=orjson.OPT_SORT_KEYS)]),
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


def _overhead(message: Message) -> int:
    """Return the most that keeping one part costs beside its text.

    The message's frame, a mark on either side, and one in each other text of a content list.
    """
    texts = len({piece.text_part for piece in message.pieces})
    beside = message.tokens - sum(piece.tokens for piece in message.pieces)
    return beside + MARK_TOKENS * (1 + texts)


def _part(message: Message, piece: Piece, overhead: int, turn: int, key: Key) -> Segment:
    return Segment(
        id=_digest([message.id.encode(), str(key[1]).encode()]),
        role=message.role,
        kind=piece.kind,
        text=piece.text,
        tokens=piece.tokens + overhead,
        turn=turn,
        key=key,
        parent=message.id,
        name=message.name,
    )


def _whole(messages: Sequence[Message], turn: int, key: Key) -> Segment:
    first = messages[0]
    return Segment(
        id=first.id if len(messages) == 1 else _digest([m.id.encode() for m in messages]),
        role=first.role,
        kind=first.kind,
        text="\n".join(m.text for m in messages) if len(messages) > 1 else first.text,
        tokens=sum(m.tokens for m in messages),
        turn=turn,
        key=key,
        name=first.name,
        pin=next((m.pin for m in messages if m.pin), ""),
    )


def _fixed_tokens(request: Request, counter: TokenCounter) -> int:
    fields = request.fields
    tokens = PRIMING
    for key in ("tools", "functions"):
        if key in fields:
            tokens += counter.tools(orjson.loads(bytes(fields[key])))
    if "response_format" in fields:
        wanted = orjson.loads(bytes(fields["response_format"]))
        schema = wanted.get("json_schema") if isinstance(wanted, dict) else None
        tokens += counter.json(schema) if schema else 0
    return tokens


def _digest(pieces: Sequence[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "big"))
        digest.update(piece)
    return digest.hexdigest()
