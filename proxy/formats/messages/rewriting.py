"""A request with what is left of its messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import orjson

from foveate.proxy.formats.excerpts import quoted
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.messages.content import RESULT, Part, parts_of, sections
from foveate.proxy.formats.messages.counting import PER_MESSAGE, parts_tokens
from foveate.proxy.formats.messages.reasoning import is_thought, without_thoughts
from foveate.proxy.formats.messages.seating import fillers, seated
from foveate.proxy.formats.messages.spans import moved_marks
from foveate.proxy.formats.parsed import Block, Parsed, Piece, Prompt, Texts
from foveate.proxy.formats.text import THOUGHT_LEFT_OUT, left_out

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def rewrite(parsed: Parsed, rows: Sequence[Row], texts: Texts) -> Prompt:
    """Return the request with the messages of those rows, and `texts` in place of the results that they show in part.

    They are the caller's own bytes; only a message of which something is left out, or that excerpts or a mark are put
    into, is written anew.
    """
    written: list[bytes] = []
    tokens: list[int] = []
    marks = moved_marks(parsed, rows)
    for n, row in enumerate(rows):
        raw = parsed.outline.items[row.item]
        wire = _changed(parsed, row, texts)
        if wire is not None:
            tokens.append(PER_MESSAGE + parts_tokens(parts_of(wire["content"]), parsed.counter))
        else:
            tokens.append(parsed.items[row.item].tokens)
        if n in marks:
            wire = _marked(wire or orjson.loads(raw), marks[n])
        written.append(raw if wire is None else orjson.dumps(wire))
    order = seated(parsed, rows)
    ahead = fillers(parsed, rows, order)
    for n, raw in ahead.items():
        filled = parts_of(orjson.loads(raw)["content"])
        tokens[order[n]] += PER_MESSAGE + parts_tokens(filled, parsed.counter)
    sent = [raw for n, row in enumerate(order) for raw in (ahead.get(n), written[row]) if raw]
    messages = msgspec.Raw(b"[" + b",".join([*parsed.outline.ahead, *sent]) + b"]")
    fields = {**_decode_object(parsed.outline.body), "messages": messages}
    return Prompt(msgspec.json.encode(fields), tokens)


def _changed(parsed: Parsed, row: Row, texts: Texts) -> dict[str, Any] | None:
    """Return a row's message where it is not the caller's own, None where it is."""
    blocks = parsed.items[row.item].blocks
    bare = row.bare and any(block.thought for block in blocks)
    if row.left is None and not row.excerpts and not bare and not row.shown:
        return None
    wire: dict[str, Any] = orjson.loads(parsed.outline.items[row.item])
    content = wire["content"]
    parts = parts_of(content)
    if row.shown:
        parts = _telling(parts, sections(wire["role"], parts), row, texts)
    if row.left is not None:
        parts = _left(sections(wire["role"], parts), parts, blocks, row)
    if bare:
        parts = without_thoughts(parts) or [{"type": "text", "text": THOUGHT_LEFT_OUT}]
    if row.excerpts:
        frame = quoted([parsed.segments[i] for i in row.excerpts])
        at = next((i for i, part in enumerate(parts) if part.get("type") != RESULT), len(parts))
        parts = [*parts[:at], {"type": "text", "text": frame}, *parts[at:]]
    alone = isinstance(content, str) and len(parts) == 1
    return {**wire, "content": parts[0]["text"] if alone else parts}


def _telling(parts: list[Part], groups: list[list[int]], row: Row, texts: Texts) -> list[Part]:
    """Return the parts with other texts in the results that the row shows in part."""
    told = list(parts)
    for block, n, _ in row.shown:
        place = next(i for i in groups[block] if parts[i].get("type") == RESULT)
        text = texts[row.item, block, n]
        content = told[place]["content"]
        if isinstance(content, list):
            content = [{**part, "text": text} if i == n else part for i, part in enumerate(content)]
        told[place] = {**told[place], "content": content if isinstance(content, list) else text}
    return told


def _left(groups: list[list[int]], parts: list[Part], blocks: Sequence[Block], row: Row) -> list[Part]:
    """Return the parts that stay of a message, in their order."""
    stays: dict[int, Part] = {}
    for block, pieces in row.left or ():
        places = groups[block]
        kept = [parts[i] for i in places]
        if pieces is not None:
            kept = _shortened(kept, blocks[block].pieces, pieces)
        stays.update(zip(places, kept, strict=True))
    return [stays[i] for i in sorted(stays)]


def _shortened(parts: list[Part], pieces: Sequence[Piece], kept: Collection[int]) -> list[Part]:
    texts = left_out([(piece.part, piece.text, piece.tokens) for piece in pieces], kept)
    return [{**part, "text": texts.get(n, part["text"])} for n, part in enumerate(parts)]


def _marked(wire: dict[str, Any], mark: Any) -> dict[str, Any]:
    """Return a message with a cache mark on its last part that can carry one and has none."""
    parts = list(parts_of(wire["content"]))
    for i in range(len(parts) - 1, -1, -1):
        if not is_thought(parts[i]):
            parts[i] = {**parts[i], "cache_control": parts[i].get("cache_control") or mark}
            break
    return {**wire, "content": parts}
