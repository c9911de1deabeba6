"""A request for a response with what is left of its input items, all else in the caller's own bytes."""

from __future__ import annotations

from collections.abc import Sequence

from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import Parsed, Prompt, Texts
from foveate.proxy.formats.responses import kinds
from foveate.proxy.formats.responses.counting import item_tokens
from foveate.proxy.formats.responses.item import item_of
from foveate.proxy.formats.wire.contents import retold, with_frame_ahead
from foveate.proxy.formats.wire.excerpts import frame_of, with_frame
from foveate.proxy.formats.wire.reading import Json, decoded, fields_of
from foveate.proxy.formats.wire.text import left_out
from foveate.proxy.formats.wire.writing import array, changed, obj

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
    alone = len(written) == 1 and written[0].startswith(b'"')  # an input that is a string
    return Prompt(changed(parsed.outline.body, input=written[0] if alone else array(written)), tokens)


def _left(parsed: Parsed, row: Row, raw: bytes, texts: Texts) -> bytes:
    """Return what is left of one item, nothing where it is reasoning that is taken out."""
    if row.whole or not raw.startswith((b"{", b'"')):
        return raw
    reworded = row.left is not None or row.quotes
    if raw.startswith(b'"'):  # an input that is a string
        return bytes(_content(parsed, row, raw)) if reworded else raw
    fields: dict[str, Json] = {**fields_of(raw)}
    told = any(block.told for block in parsed.items[row.item].blocks)
    if row.shown or (told and row.extracts):
        return obj({**fields, "output": _output(parsed, row, fields["output"], texts)})
    item = {name: decoded(fields[name]) for name in kinds.TELLING if name in fields}
    if row.bare and kinds.kind(item) == "reasoning":
        return b""
    # An id names the item as the server has it, with the reasoning that led to it
    named = "id" in fields and (reworded or kinds.is_written(item))
    if not named and not reworded:
        return raw
    if named:
        del fields["id"]
    if reworded:
        fields["content"] = _content(parsed, row, fields.get("content", b"null"))
    return obj(fields)


def _output(parsed: Parsed, row: Row, output: Json, texts: Texts) -> Json:
    """Return an output with what stands for its texts, and what is quoted behind them."""
    if row.shown:
        output = retold(output, {n: texts[row.item, block, n] for block, n, _ in row.shown})
    return with_frame(bytes(output), parsed, row, "input_text") if row.extracts else output


def _content(parsed: Parsed, row: Row, content: Json) -> Json:
    """Return a message's content less the parts that go, with excerpts ahead of its words."""
    if row.left is not None:
        _, kept = row.left[0]
        (block,) = parsed.items[row.item].blocks
        content = retold(content, left_out(block.pieces, kept or ()), BY_CHARACTERS)
    return with_frame_ahead(content, frame_of(parsed, row), "input_text") if row.quotes else content
