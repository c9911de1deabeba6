"""A chat completion with what is left of its messages, all else in the caller's own bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foveate.proxy.formats.chat.counting import message_tokens
from foveate.proxy.formats.chat.order import LEFT_OUT, marked
from foveate.proxy.formats.chat.reasoning import FIELDS, is_thought
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import Parsed, Prompt, Texts
from foveate.proxy.formats.wire.contents import retold, with_frame_ahead
from foveate.proxy.formats.wire.excerpts import frame_of, with_frame
from foveate.proxy.formats.wire.reading import Json, decoded, elements_of, fields_of
from foveate.proxy.formats.wire.text import THOUGHT_LEFT_OUT, left_out
from foveate.proxy.formats.wire.writing import array, changed, json_of, obj


def rewrite_chat(parsed: Parsed, rows: Sequence[Row], texts: Texts) -> Prompt:
    """Return the request with the messages of those rows, and `texts` in place of the results that they
    show in part.

    They are the caller's own bytes; only a message of which parts are left out, or that excerpts are
    put into, is written anew, its other fields as they are. Where a turn is missing that upstreams
    insist on, a mark stands for it.
    """
    written: list[bytes] = []
    tokens: list[int] = []
    marks = marked(parsed.items, rows)
    for n, row in enumerate(rows):
        raw = parsed.outline.items[row.item]
        ahead = 0
        if n in marks:
            mark = {"role": marks[n], "content": LEFT_OUT}
            written.append(json_of(mark))
            ahead = message_tokens(mark, parsed.counter)
        if row.whole or not raw.startswith(b"{"):
            written.append(raw)
            tokens.append(ahead + parsed.items[row.item].tokens)
            continue
        message = _anew(parsed, row, raw, texts)
        written.append(message)
        tokens.append(ahead + message_tokens(decoded(message), parsed.counter))
    return Prompt(changed(parsed.outline.body, messages=array(written)), tokens)


def _anew(parsed: Parsed, row: Row, raw: bytes, texts: Texts) -> bytes:
    """Return a message less the parts and the reasoning that go, with what stands for results and what is
    quoted.
    """
    (block,) = parsed.items[row.item].blocks
    fields = fields_of(raw)
    content: Json | None = fields.get("content")
    if row.left is not None:
        _, kept = row.left[0]
        content = retold(fields["content"], left_out(block.pieces, kept or ()))
    if row.bare:
        fields = {name: value for name, value in fields.items() if name not in FIELDS}
        content = content and _spoken(content, fields)
    if row.shown:
        content = retold(fields["content"], {n: texts[row.item, b, n] for b, n, _ in row.shown})
    if row.quotes:
        content = _quoting(content or b"null", parsed, row)
    return obj(fields if content is None else {**fields, "content": content})


def _quoting(content: Json, parsed: Parsed, row: Row) -> bytes:
    """Return a content with excerpts ahead of its words, or behind what it tells."""
    if parsed.items[row.item].blocks[0].told:
        return with_frame(bytes(content), parsed, row)
    return with_frame_ahead(content, frame_of(parsed, row), "text")


def _spoken(content: Json, fields: Mapping[str, Json]) -> Json:
    """Return a content less its reasoning, in a message of those other fields.

    One that has said nothing may have null there beside calls, else it may not.
    """
    if content[:1] != b"[":
        return content
    parts = [part for part in elements_of(content) if not is_thought(decoded(part))]
    if parts:
        return array(parts)
    calling = any(decoded(fields.get(name, b"null")) for name in ("tool_calls", "function_call"))
    return b"null" if calling else json_of(THOUGHT_LEFT_OUT)
