"""OpenAI's chat-completion requests (API reference, "Create chat completion") to segments and back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import is_
from typing import Any, ClassVar, NamedTuple

import msgspec
import orjson

from foveate.policies.types import Key, Segment
from foveate.proxy.cache import Cache
from foveate.proxy.errors import FormatError
from foveate.proxy.formats import message as wire_message
from foveate.proxy.formats.message import Message, Piece, digest, overhead
from foveate.proxy.formats.tokens import AUDIO, FILE, IMAGE, PRIMING, TokenCounter

# More than any part that is no text counts, and than the frame of a tool.
PART_TOKENS = max(IMAGE, AUDIO, FILE)


class Wire(msgspec.Struct):
    """What is read of a request's top level, its values still the caller's bytes; empty where it has none."""

    messages: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    model: msgspec.Raw = msgspec.Raw()
    max_completion_tokens: msgspec.Raw = msgspec.Raw()
    max_tokens: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    functions: msgspec.Raw = msgspec.Raw()
    response_format: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(Wire).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Request(msgspec.Struct, frozen=True):
    """A request whose messages are told apart but not read."""

    body: bytes
    messages: list[bytes]
    model: str
    max_output: int | None  # tokens that the caller reserves for the answer
    tools: tuple[bytes, ...]  # `tools` and the older `functions`, where they are given
    response_format: bytes


class Place(msgspec.Struct, frozen=True):
    """Where a segment's content stands in the request."""

    messages: tuple[int, ...]
    piece: int | None = None  # which piece of its only message; None for whole messages


class Built(msgspec.Struct, frozen=True):
    """The segments of a message, or of a tool call with its results, and what they depend on."""

    messages: tuple[Message, ...]
    unit: tuple[int, ...]  # where they stand
    turn: int
    split: bool
    segments: tuple[Segment, ...]
    places: tuple[Place, ...]

    def holds(self, messages: tuple[Message, ...], unit: tuple[int, ...], turn: int, split: bool) -> bool:
        """Say whether it is what these very messages make there."""
        there = self.unit == unit and self.turn == turn and self.split == split
        return there and all(map(is_, self.messages, messages))


class Known:
    """A message that was read, and what was built of it when it was last met: histories grow at their end."""

    __slots__ = ("built", "message")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.built: Built | None = None


class Prefix(msgspec.Struct, frozen=True):
    """The beginning of a history, whatever follows."""

    SIZE: ClassVar[int] = 450  # bytes a message, where its segments are nowhere else

    messages: list[Message] = []
    links: list[str] = []  # a hash of each prefix of the messages, shortest first
    segments: list[Segment] = []
    places: list[Place] = []
    turn: int = 0  # user turns
    tokens: int = 0

    def extended(self, known: list[Known], units: Iterable[tuple[int, ...]], end: int, split: bool) -> Prefix:
        """Return it with the messages up to `end`, which are grouped into `units`, split into parts or not."""
        segments, places, turn = self.segments.copy(), self.places.copy(), self.turn
        for unit in units:
            holder = known[unit[0]]
            first = holder.message
            if first.role == "user":
                turn += 1
            messages = tuple([known[i].message for i in unit])
            parts = split and bool(first.pieces) and not first.pin
            built = holder.built
            if built is None or not built.holds(messages, unit, turn, parts):
                holder.built = built = build(messages, unit, turn, parts)
            segments += built.segments
            places += built.places
        new = [k.message for k in known[len(self.messages) : end]]
        links, tokens = linked(self.links, [m.id for m in new]), self.tokens + sum([m.tokens for m in new])
        return Prefix(self.messages + new, links, segments, places, turn, tokens)


NOTHING = Prefix()


class Chat(msgspec.Struct, frozen=True):
    """A parsed request: its segments, oldest first, and the way back to bytes."""

    request: Request
    messages: list[Message]
    links: list[str]  # a hash of each prefix of the messages, shortest first
    segments: tuple[Segment, ...]
    places: tuple[Place, ...]  # one a segment
    fixed_tokens: int  # tools, schemas and the answer's opening: there whatever is dropped
    tokens: int  # of the whole prompt
    counter: TokenCounter

    @property
    def query(self) -> str:
        """The text of the latest user turn; of the last message where no user has spoken."""
        spoken = (m.text for m in reversed(self.messages) if m.role == "user")
        return next(spoken, self.messages[-1].text if self.messages else "")


def read(body: bytes) -> Request:
    """Return a request with its messages told apart; FormatError where it is no chat completion."""
    try:
        wire = _decode(body)
        model = value(bytes(wire.model))
        limits = value(bytes(wire.max_completion_tokens)), value(bytes(wire.max_tokens))
    except (msgspec.DecodeError, orjson.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"the body is not a chat completion: {error}") from None
    if wire.messages is msgspec.UNSET:
        raise FormatError("the body has no messages")
    return Request(
        body,
        messages=[bytes(raw) for raw in wire.messages],
        model=model if isinstance(model, str) else "",
        max_output=next((n for n in limits if isinstance(n, int) and not isinstance(n, bool) and n > 0), None),
        tools=tuple(filter(None, (bytes(wire.tools), bytes(wire.functions)))),
        response_format=bytes(wire.response_format),
    )


def value(raw: bytes) -> Any:
    """Return what a field says, None where there is none."""
    return orjson.loads(raw) if raw else None


def most_tokens(body: bytes) -> int:
    """Return what a body cannot exceed, unread: a token takes a byte, and what is no text has a `type` of its own."""
    return len(body) + PART_TOKENS * body.count(b'"type"')


def wire_messages(body: bytes) -> list[Any]:
    """Return a body's messages decoded, none where it cannot be read."""
    try:
        return [orjson.loads(raw) for raw in read(body).messages]
    except (FormatError, orjson.JSONDecodeError):
        return []


class Reader:
    """Reads requests with one token counter. A message is worked on once: `cache` keeps it under its bytes."""

    def __init__(self, counter: TokenCounter, cache: Cache, split_over: int) -> None:
        self._counter = counter
        self._split_over = split_over
        self._messages = cache.space("message", counter.name, split_over)
        self._fixed = cache.space("fixed", counter.name)
        self._prefixes = cache.space("prefix", counter.name, split_over)  # by the id of the last message

    def find(self, request: Request) -> list[Known | None]:
        """Return each of its messages as it was read earlier, None where it was not met lately."""
        return self._messages.get_all(request.messages)

    def learn(self, messages: Iterable[bytes]) -> dict[bytes, Known]:
        """Read messages ahead of the request that they are part of."""
        return {raw: self._learned(raw) for raw in messages}

    def parse(self, request: Request, found: Sequence[Known | None] | None = None) -> Chat:
        """Return the request's segments, given what `find` has found; FormatError where a part is of no known type."""
        found = self.find(request) if found is None else found
        known = [k or self._learned(raw) for k, raw in zip(found, request.messages, strict=True)]
        messages = [k.message for k in known]
        latest = next((i for i in range(len(messages) - 1, -1, -1) if messages[i].role == "user"), len(messages))
        prefix = self._longest_prefix(messages, latest)
        units = group(messages, len(prefix.messages))
        if prefix.messages and any(messages[unit[0]].answers for unit in units):  # a call that stands in the prefix
            prefix, units = NOTHING, group(messages)
        earlier = [unit for unit in units if unit[0] < latest]
        if earlier:
            prefix = prefix.extended(known, earlier, latest, split=True)
            if all(unit[-1] < latest for unit in earlier):
                self._prefixes.put(messages[latest - 1].id, prefix, size=Prefix.SIZE * latest)
        whole = prefix.extended(known, units[len(earlier) :], len(known), split=False)
        fixed = self._fixed_tokens(request)
        segments, places = tuple(whole.segments), tuple(whole.places)
        return Chat(request, whole.messages, whole.links, segments, places, fixed, fixed + whole.tokens, self._counter)

    def _longest_prefix(self, messages: list[Message], latest: int) -> Prefix:
        """Return what is known of the messages ahead of the latest user turn since an earlier request."""
        for i in range(latest - 1, -1, -1):
            prefix: Prefix | None = self._prefixes.get(messages[i].id)
            if prefix and prefix.messages == messages[: i + 1]:
                if i < latest - 1:
                    self._prefixes.drop(messages[i].id)  # one a conversation: it moves along
                return prefix
        return NOTHING

    def _learned(self, raw: bytes) -> Known:
        message = wire_message.read(raw, self._counter, self._split_over)
        known = Known(message)
        self._messages.put(raw, known, size=1500 + (5 if message.pieces else 3) * len(raw))
        return known

    def _fixed_tokens(self, request: Request) -> int:
        tokens = PRIMING
        for raw in request.tools:
            tokens += self._counted(raw, self._counter.tools)
        if request.response_format:
            tokens += self._counted(request.response_format, self._schema_tokens)
        return tokens

    def _counted(self, raw: bytes, count: Callable[[Any], int]) -> int:
        key = (count.__name__, raw)
        tokens: int | None = self._fixed.get(key)
        if tokens is None:
            tokens = count(orjson.loads(raw))
            self._fixed.put(key, tokens, size=300 + len(raw))
        return tokens

    def _schema_tokens(self, wanted: Any) -> int:
        schema = wanted.get("json_schema") if isinstance(wanted, dict) else None
        return self._counter.json(schema) if schema else 0


def linked(before: list[str], ids: Iterable[str]) -> list[str]:
    """Return the hash chain `before` with a link for each further message."""
    links = before.copy()
    last = links[-1] if links else ""
    for i in ids:
        last = hashlib.blake2b(f"{last}{i}".encode(), digest_size=16, person=b"foveate-chain").hexdigest()
        links.append(last)
    return links


def group(messages: Sequence[Message], start: int = 0) -> list[tuple[int, ...]]:
    """Return the positions, from `start` on, of messages that live and die together: a tool call with its results."""
    units: list[list[int]] = []
    callers: dict[str, list[int]] = {}
    for i in range(start, len(messages)):
        message = messages[i]
        unit = callers.get(message.answers) if message.answers else None
        if unit is not None:
            unit.append(i)
            continue
        unit = [i]
        units.append(unit)
        if message.calls:
            callers.update(dict.fromkeys(message.calls, unit))
    return [tuple(unit) for unit in units]


def build(messages: tuple[Message, ...], unit: tuple[int, ...], turn: int, split: bool) -> Built:
    """Return the segments of messages that live and die together and stand at the positions `unit`."""
    first = messages[0]
    position = unit[0]
    if split:
        beside = overhead(first)
        segments = tuple(_part(first, piece, beside, turn, (position, n)) for n, piece in enumerate(first.pieces))
        places = tuple(Place((position,), n) for n in range(len(first.pieces)))
    else:
        segments = (_whole(messages, turn, (position, -1)),)
        places = (Place(unit),)
    return Built(messages, unit, turn, split, segments, places)


def _part(message: Message, piece: Piece, beside: int, turn: int, key: Key) -> Segment:
    return Segment(
        id=digest([message.id.encode(), str(key[1]).encode()]),
        role=message.role,
        kind=piece.kind,
        text=piece.text,
        tokens=piece.tokens + beside,
        turn=turn,
        key=key,
        parent=message.id,
        name=message.name,
    )


def _whole(messages: Sequence[Message], turn: int, key: Key) -> Segment:
    first = messages[0]
    return Segment(
        id=first.id if len(messages) == 1 else digest([m.id.encode() for m in messages]),
        role=first.role,
        kind=first.kind,
        text="\n".join(m.text for m in messages) if len(messages) > 1 else first.text,
        tokens=sum(m.tokens for m in messages),
        turn=turn,
        key=key,
        name=first.name,
        pin=next((m.pin for m in messages if m.pin), ""),
    )


class Row(NamedTuple):
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
        raw = chat.request.messages[row.message]
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
    fields = {**_decode_object(chat.request.body), "messages": msgspec.Raw(b"[" + b",".join(written) + b"]")}
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
