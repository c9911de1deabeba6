"""A request for a response with what is left of its input items."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from foveate.policies.types import Segment
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import Parsed, Piece, Prompt, Texts
from foveate.proxy.formats.quoting import quoted
from foveate.proxy.formats.responses import kinds
from foveate.proxy.formats.responses.counting import item_tokens
from foveate.proxy.formats.responses.item import decoded
from foveate.proxy.formats.text import left_out

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
# What says something about a text by its characters.
BY_CHARACTERS = ("annotations", "logprobs")


def rewrite(parsed: Parsed, rows: Sequence[Row], texts: Texts) -> Prompt:
    """Return the request with the items of those rows, and `texts` in place of the outputs that they show in part.

    They are the caller's own bytes. Written anew is only an item of which parts are left out, that excerpts are put
    into, or whose reasoning is taken out.
    """
    written: list[bytes] = []
    tokens: list[int] = []
    for row in rows:
        raw = _row(parsed, row, texts)
        if raw:
            written.append(raw)
        same = raw is parsed.outline.items[row.item]
        tokens.append(parsed.items[row.item].tokens if same else _counted(raw, parsed))
    fields = _decode_object(parsed.outline.body)
    fields["input"] = msgspec.Raw(_joined(written, bytes(fields["input"])))
    return Prompt(msgspec.json.encode(fields), tokens)


def _joined(written: Sequence[bytes], before: bytes) -> bytes:
    whole = b"[" + b",".join(written) + b"]"
    alone = len(written) == 1 and before.lstrip().startswith(b'"')
    return written[0] if alone else whole


def _counted(raw: bytes, parsed: Parsed) -> int:
    return item_tokens(decoded(raw), parsed.counter) if raw else 0


def _row(parsed: Parsed, row: Row, texts: Texts) -> bytes:
    """Return what is left of one item, nothing where it is reasoning that is taken out."""
    raw = parsed.outline.items[row.item]
    if row.whole:
        return raw
    item = decoded(raw)
    if row.shown:
        return _telling(raw, item["output"], {part: texts[row.item, block, part] for block, part, _ in row.shown})
    if row.bare and kinds.kind(item) == "reasoning":
        return b""
    content = item.get("content")
    if row.left is not None:
        _, kept = row.left[0]
        content = _shortened(content, parsed.items[row.item].blocks[0].pieces, kept or ())
    if row.excerpts:
        content = _quoting(content, [parsed.segments[i] for i in row.excerpts])
    if content is item.get("content"):
        return _unnamed(raw) if "id" in item and is_written(item) else raw
    written = orjson.dumps(content)
    return written if raw.startswith(b'"') else _unnamed(raw, written)


def _telling(raw: bytes, output: Any, texts: Mapping[int, str]) -> bytes:
    """Return an output with other texts, each under the position of its part."""
    if isinstance(output, list):
        output = [{**part, "text": texts[n]} if n in texts else part for n, part in enumerate(output)]
    else:
        output = texts[0]
    return msgspec.json.encode({**_decode_object(raw), "output": msgspec.Raw(orjson.dumps(output))})


def _unnamed(raw: bytes, content: bytes | None = None) -> bytes:
    """Return an item without its id, which names it as the server has it, with the reasoning that led to it."""
    fields = _decode_object(raw)
    fields.pop("id", None)
    if content is not None:
        fields["content"] = msgspec.Raw(content)
    return msgspec.json.encode(fields)


def is_written(item: dict[str, Any]) -> bool:
    """Say whether an item is the model's own."""
    return item.get("role") == "assistant" or kinds.kind(item) in kinds.WRITTEN


def _quoting(content: Any, segments: Sequence[Segment]) -> Any:
    frame = quoted(segments)
    if isinstance(content, list):
        return [{"type": "input_text", "text": frame}, *content]
    return frame + (content or "")


def _shortened(content: Any, pieces: Sequence[Piece], kept: Collection[int]) -> Any:
    texts = left_out([(piece.part, piece.text, piece.tokens) for piece in pieces], kept)
    if isinstance(content, str):
        return texts[0]
    return [_with_text(part, texts.get(n, part["text"])) for n, part in enumerate(content)]


def _with_text(part: dict[str, Any], text: str) -> dict[str, Any]:
    emptied: dict[str, Any] = {name: [] for name in BY_CHARACTERS if part.get(name)}
    return {**part, "text": text, **emptied}
