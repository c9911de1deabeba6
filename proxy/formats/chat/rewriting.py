"""A chat completion with what is left of its messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import orjson

from foveate.policies.types import Segment
from foveate.proxy.formats.chat.counting import message_tokens
from foveate.proxy.formats.chat.reasoning import without_thoughts
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import Parsed, Piece, Prompt
from foveate.proxy.formats.text import left_out

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def rewrite(parsed: Parsed, rows: Sequence[Row]) -> Prompt:
    """Return the request with the messages of those rows.

    They are the caller's own bytes; only a message of which parts are left out, or that excerpts are put into, is
    written anew.
    """
    written: list[bytes] = []
    tokens: list[int] = []
    for row in rows:
        raw = parsed.outline.items[row.item]
        if row.left is None and not row.excerpts and not row.bare:
            written.append(raw)
            tokens.append(parsed.items[row.item].tokens)
            continue
        wire = orjson.loads(raw)
        if row.left is not None:
            _, kept = row.left[0]
            wire = _shortened(wire, parsed.items[row.item].blocks[0].pieces, kept or ())
        if row.bare:
            wire = without_thoughts(wire)
        if row.excerpts:
            wire = _quoting(wire, [parsed.segments[i] for i in row.excerpts])
        written.append(orjson.dumps(wire))
        tokens.append(message_tokens(wire, parsed.counter))
    messages = msgspec.Raw(b"[" + b",".join(written) + b"]")
    fields = {**_decode_object(parsed.outline.body), "messages": messages}
    return Prompt(msgspec.json.encode(fields), tokens)


def _quoting(message: dict[str, Any], segments: Sequence[Segment]) -> dict[str, Any]:
    quoted = "".join([f"[{' '.join(filter(None, (said_by(s), s.name)))}] {s.text}\n" for s in segments])
    frame = f"[Excerpts from earlier in this conversation]\n{quoted}[End of excerpts]\n\n"
    content = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [{"type": "text", "text": frame}, *content]}
    return {**message, "content": frame + (content or "")}


def said_by(segment: Segment) -> str:
    """Return who is quoted."""
    return "tool" if segment.kind == "tool" else segment.role


def _shortened(message: dict[str, Any], pieces: Sequence[Piece], kept: Collection[int]) -> dict[str, Any]:
    texts = left_out([(piece.part, piece.text, piece.tokens) for piece in pieces], kept)
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": texts[0]}
    return {**message, "content": [{**part, "text": texts.get(n, part["text"])} for n, part in enumerate(content)]}
