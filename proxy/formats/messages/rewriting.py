"""A request with what is left of its messages, all else in the caller's own bytes."""

from __future__ import annotations

from collections.abc import Sequence

from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.messages.content import RESULT, parts_of, sections
from foveate.proxy.formats.messages.counting import PER_MESSAGE, parts_tokens
from foveate.proxy.formats.messages.message import role_of
from foveate.proxy.formats.messages.reasoning import is_thinking
from foveate.proxy.formats.messages.seating import fillers, seated
from foveate.proxy.formats.messages.spans import moved_marks, with_mark
from foveate.proxy.formats.parsed import Block, Parsed, Prompt, Texts
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.contents import retold
from foveate.proxy.formats.wire.excerpts import frame_of, with_frame
from foveate.proxy.formats.wire.reading import Json, decoded, elements_of, fields_of, part_kind
from foveate.proxy.formats.wire.text import THOUGHT_LEFT_OUT, left_out
from foveate.proxy.formats.wire.writing import array, changed, json_of, text_part

Raws = list[bytes]  # content blocks, each as JSON


def rewrite_messages(parsed: Parsed, rows: Sequence[Row], texts: Texts) -> Prompt:
    """Return the request with the messages of those rows, and `texts` in place of the results that they
    show in part.

    They are the caller's own bytes; only a message of which something is left out, or that excerpts or
    a mark are put into, is written anew, its other blocks as they are.
    """
    written: list[bytes] = []
    tokens: list[int] = []
    for row in rows:
        raw = parsed.outline.items[row.item]
        anew = _anew(parsed, row, texts)
        written.append(anew or raw)
        tokens.append(_tokens(anew, parsed.counter) if anew else parsed.items[row.item].tokens)
    for n, mark in moved_marks(parsed, rows).items():
        written[n] = with_mark(written[n], mark)
    order = seated(parsed, rows)
    ahead = fillers(parsed, rows, order)
    sent: list[bytes] = list(parsed.outline.ahead)
    for n, row_number in enumerate(order):
        if n in ahead:
            sent.append(ahead[n])
            tokens[row_number] += _tokens(ahead[n], parsed.counter)
        sent.append(written[row_number])
    return Prompt(changed(parsed.outline.body, messages=array(sent)), tokens)


def _tokens(message: bytes, counter: TokenCounter) -> int:
    return PER_MESSAGE + parts_tokens(parts_of(decoded(message)["content"]) or [], counter)


def _anew(parsed: Parsed, row: Row, texts: Texts) -> bytes | None:
    """Return a row's message where it is not the caller's own, None where it is."""
    blocks = parsed.items[row.item].blocks
    bare = row.bare and any(block.thought for block in blocks)
    quoting = row.quotes
    if row.left is None and not quoting and not bare and not row.shown:
        return None
    raw = parsed.outline.items[row.item]
    if not raw.startswith(b"{"):
        return None
    content: Json = fields_of(raw).get("content", b"null")
    if content[:1] not in (b"[", b'"'):
        return None
    listed = content[:1] == b"["
    parts = elements_of(content) if listed else [text_part(decoded(content))]
    if row.shown:
        parts = _telling(role_of(decoded(raw)), parts, row, texts)
    if row.left is not None:
        parts = _left(role_of(decoded(raw)), parts, blocks, row)
    if bare:
        parts = [part for part in parts if not is_thinking(decoded(part))] or [
            text_part(THOUGHT_LEFT_OUT)
        ]
    if quoting:
        parts = _quoting(parts, parsed, row)
    if not listed and len(parts) == 1:
        return changed(raw, content=json_of(decoded(parts[0])["text"]))
    return changed(raw, content=array(parts))


def _quoting(parts: Raws, parsed: Parsed, row: Row) -> Raws:
    """Return the parts with excerpts ahead of the user's words, or behind what the last result tells."""
    results = [n for n, part in enumerate(parts) if part_kind(decoded(part)) == RESULT]
    if parsed.items[row.item].blocks[-1].told:
        last = parts[results[-1]]
        content = with_frame(bytes(fields_of(last)["content"]), parsed, row)
        return [*parts[: results[-1]], changed(last, content=content), *parts[results[-1] + 1 :]]
    at = next((n for n in range(len(parts)) if n not in results), len(parts))
    return [*parts[:at], text_part(frame_of(parsed, row)), *parts[at:]]


def _telling(role: str, parts: Raws, row: Row, texts: Texts) -> Raws:
    """Return the parts with other texts in the results that the row shows in part."""
    kinds = [decoded(part) for part in parts]
    places = sections(role, kinds)
    told = list(parts)
    for block, n, _ in row.shown:
        place = next(i for i in places[block] if kinds[i].get("type") == RESULT)
        content = retold(fields_of(told[place])["content"], {n: texts[row.item, block, n]})
        told[place] = changed(told[place], content=content)
    return told


def _left(role: str, parts: Raws, blocks: Sequence[Block], row: Row) -> Raws:
    """Return the parts that stay of a message, in their order."""
    places = sections(role, [decoded(part) for part in parts])
    stays: dict[int, bytes] = {}
    for block, kept in row.left or ():
        stays.update({i: parts[i] for i in places[block]})
        if kept is not None:
            for n, text in left_out(blocks[block].pieces, kept).items():
                at = places[block][n]
                stays[at] = changed(parts[at], text=json_of(text))
    return [stays[i] for i in sorted(stays)]
