"""A chat completion with what is left of its messages, all else in the caller's own bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from foveate.proxy.formats.chat.counting import message_tokens
from foveate.proxy.formats.chat.order import LEFT_OUT, marked
from foveate.proxy.formats.chat.reasoning import FIELDS, is_thought
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import Parsed, Piece, Prompt, Texts
from foveate.proxy.formats.wire.excerpts import frame_of, with_frame
from foveate.proxy.formats.wire.reading import decoded, elements_of, fields_of
from foveate.proxy.formats.wire.text import THOUGHT_LEFT_OUT, left_out
from foveate.proxy.formats.wire.writing import json_of

Fields = dict[str, bytes]  # of an object, each as JSON


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
        fields = _changed(parsed, row, raw)
        if row.shown:
            fields = _telling(
                fields, {part: texts[row.item, block, part] for block, part, _ in row.shown}
            )
        if row.quotes:
            fields = _quoting(fields, parsed, row)
        message = _object(fields)
        written.append(message)
        tokens.append(ahead + message_tokens(decoded(message), parsed.counter))
    messages = b"[" + b",".join(written) + b"]"
    return Prompt(
        _object({**fields_of(parsed.outline.body, ("messages",)), "messages": messages}), tokens
    )


def _changed(parsed: Parsed, row: Row, raw: bytes) -> Fields:
    """Return the fields of a message less the parts and the reasoning that go."""
    message = fields_of(raw, retold="" if row.left is None else "content")
    if row.left is not None:
        _, kept = row.left[0]
        message = _shortened(message, parsed.items[row.item].blocks[0].pieces, kept or ())
    if row.bare:
        message = _thoughtless(message)
    return message


def _object(fields: Fields) -> bytes:
    return b"{" + b",".join([json_of(name) + b":" + value for name, value in fields.items()]) + b"}"


def _quoting(message: Fields, parsed: Parsed, row: Row) -> Fields:
    """Return a message with excerpts ahead of its words, or behind what it tells.

    They go into its first text, so that what it says is the same whether its content comes as a string
    or, where the caller has put a mark on it, as a list.
    """
    content = message.get("content", b"null").strip()
    if parsed.items[row.item].blocks[0].told:
        return {**message, "content": with_frame(content, parsed, row)}
    frame = frame_of(parsed, row)
    if content.startswith(b"["):
        return {
            **message,
            "content": b"[" + b",".join(_parts_quoting(elements_of(content), frame)) + b"]",
        }
    if content.startswith(b'"'):
        return {**message, "content": _ahead(frame, content)}
    said = "" if content == b"null" else content.decode("utf-8", "replace")
    return {**message, "content": json_of(frame + said)}


def _parts_quoting(parts: Sequence[bytes], frame: str) -> list[bytes]:
    first = fields_of(parts[0]) if parts and parts[0].startswith(b"{") else {}
    text = first.get("text", b"").strip()
    if text.startswith(b'"') and first.get("type") == b'"text"':
        return [_object({**first, "text": _ahead(frame, text)}), *parts[1:]]
    return [json_of({"type": "text", "text": frame}), *parts]


def _ahead(frame: str, text: bytes) -> bytes:
    """Return the JSON of a text with a frame ahead of it."""
    return json_of(frame)[:-1] + text[1:]


def _thoughtless(message: Fields) -> Fields:
    """Return a message less its reasoning."""
    left = {name: value for name, value in message.items() if name not in FIELDS}
    content = left.get("content", b"").strip()
    if content.startswith(b"["):
        spoken = [part for part in elements_of(content) if not is_thought(decoded(part))]
        left["content"] = b"[" + b",".join(spoken) + b"]" if spoken else _nothing_said(left)
    return left


def _nothing_said(message: Fields) -> bytes:
    """Return the content of a message that has said nothing: beside calls it may be null, else it may
    not.
    """
    calling = any(decoded(message.get(name, b"null")) for name in ("tool_calls", "function_call"))
    return b"null" if calling else json_of(THOUGHT_LEFT_OUT)


def _telling(message: Fields, texts: Mapping[int, str]) -> Fields:
    """Return a result with other texts, each under the position of its part."""
    content = message["content"].strip()
    if not content.startswith(b"["):
        return {**message, "content": json_of(texts[0])}
    return {**message, "content": _with_texts(content, texts)}


def _with_texts(content: bytes, texts: Mapping[int, str]) -> bytes:
    """Return a list of parts with other texts, all else in the caller's bytes."""
    parts = elements_of(content)
    for n, text in texts.items():
        parts[n] = _object({**fields_of(parts[n]), "text": json_of(text)})
    return b"[" + b",".join(parts) + b"]"


def _shortened(message: Fields, pieces: Sequence[Piece], kept: Collection[int]) -> Fields:
    texts = left_out([(piece.part, piece.text, piece.tokens) for piece in pieces], kept)
    content = message["content"].strip()
    if content.startswith(b'"'):
        return {**message, "content": json_of(texts[0])}
    return {**message, "content": _with_texts(content, texts)}
