"""A request for a response with what is left of its input items, all else in the caller's own bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import Parsed, Piece, Prompt, Texts
from foveate.proxy.formats.responses import kinds
from foveate.proxy.formats.responses.counting import item_tokens
from foveate.proxy.formats.responses.item import item_of
from foveate.proxy.formats.wire.excerpts import frame_of, with_frame
from foveate.proxy.formats.wire.reading import elements_of, fields_of
from foveate.proxy.formats.wire.text import left_out
from foveate.proxy.formats.wire.writing import json_of

Fields = dict[str, bytes]  # of an object, each as JSON
# What says something about a text by its characters.
BY_CHARACTERS = ("annotations", "logprobs")


def rewrite_input(parsed: Parsed, rows: Sequence[Row], texts: Texts) -> Prompt:
    """Return the request with the items of those rows, and `texts` in place of the outputs that they
    show in part.

    They are the caller's own bytes. Written anew, its other fields as they are, is only an item of
    which parts are left out, that excerpts are put into, or that loses the reasoning which led to it.
    """
    written: list[bytes] = []
    tokens: list[int] = []
    for row in rows:
        raw = parsed.outline.items[row.item]
        left = _left(parsed, row, raw, texts)
        if left is raw:
            tokens.append(parsed.items[row.item].tokens)
        else:
            tokens.append(item_tokens(item_of(left), parsed.counter) if left else 0)
        if left:
            written.append(left)
    fields = fields_of(parsed.outline.body, ("input",))
    alone = len(written) == 1 and written[0].startswith(b'"')  # an input that is a string
    fields["input"] = written[0] if alone else b"[" + b",".join(written) + b"]"
    return Prompt(_object(fields), tokens)


def _left(parsed: Parsed, row: Row, raw: bytes, texts: Texts) -> bytes:
    """Return what is left of one item, nothing where it is reasoning that is taken out."""
    if row.whole or not raw.startswith((b"{", b'"')):
        return raw
    told = any(block.told for block in parsed.items[row.item].blocks)
    if row.shown or (told and row.extracts):
        told_now = {part: texts[row.item, block, part] for block, part, _ in row.shown}
        fields = _telling(fields_of(raw), told_now)
        if row.extracts:
            fields["output"] = with_frame(fields["output"].strip(), parsed, row, "input_text")
        return _object(fields)
    text = raw.startswith(b'"')
    retold = "" if row.left is None else "content"
    fields = {"content": raw} if text else fields_of(raw, retold=retold)
    item = {} if text else item_of(_object(fields))
    if row.bare and kinds.kind(item) == "reasoning":
        return b""
    quoting = row.quotes
    named = "id" in fields and (row.left is not None or quoting or kinds.is_written(item))
    if named:  # an id names the item as the server has it, with the reasoning that led to it
        del fields["id"]
    elif row.left is None and not quoting:
        return raw
    if row.left is not None:
        _, kept = row.left[0]
        fields = _shortened(fields, parsed.items[row.item].blocks[0].pieces, kept or ())
    if quoting:
        fields = _quoting(fields, frame_of(parsed, row))
    return fields["content"] if text else _object(fields)


def _telling(fields: Fields, texts: Mapping[int, str]) -> Fields:
    """Return an output with other texts, each under the position of its part."""
    output = fields["output"].strip()
    if not texts:
        return fields
    if not output.startswith(b"["):
        return {**fields, "output": json_of(texts[0])}
    parts = elements_of(output)
    for n, text in texts.items():
        parts[n] = _object({**fields_of(parts[n]), "text": json_of(text)})
    return {**fields, "output": _array(parts)}


def _object(fields: Fields) -> bytes:
    return b"{" + b",".join([json_of(name) + b":" + value for name, value in fields.items()]) + b"}"


def _array(values: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(values) + b"]"


def _quoting(fields: Fields, frame: str) -> Fields:
    """Return a message with excerpts ahead of its words.

    They go into its first text, so that what it says is the same whether its content comes as a string
    or, where the caller has put a mark on it, as a list.
    """
    content = fields.get("content", b'""').strip()
    if content.startswith(b"["):
        return {**fields, "content": _array(_parts_quoting(elements_of(content), frame))}
    if content.startswith(b'"'):
        return {**fields, "content": _ahead(frame, content)}
    return {**fields, "content": json_of(frame)}


def _parts_quoting(parts: Sequence[bytes], frame: str) -> list[bytes]:
    first = fields_of(parts[0]) if parts and parts[0].startswith(b"{") else {}
    text = first.get("text", b"").strip()
    if text.startswith(b'"') and first.get("type") == b'"input_text"':
        return [_object({**first, "text": _ahead(frame, text)}), *parts[1:]]
    return [json_of({"type": "input_text", "text": frame}), *parts]


def _ahead(frame: str, text: bytes) -> bytes:
    """Return the JSON of a text with a frame ahead of it."""
    return json_of(frame)[:-1] + text[1:]


def _shortened(fields: Fields, pieces: Sequence[Piece], kept: Collection[int]) -> Fields:
    texts = left_out([(piece.part, piece.text, piece.tokens) for piece in pieces], kept)
    content = fields["content"].strip()
    if content.startswith(b'"'):
        return {**fields, "content": json_of(texts[0])}
    parts = elements_of(content)
    for n, text in texts.items():
        part = fields_of(parts[n])
        emptied = {name: b"[]" for name in BY_CHARACTERS if name in part}
        parts[n] = _object({**part, "text": json_of(text), **emptied})
    return {**fields, "content": _array(parts)}
