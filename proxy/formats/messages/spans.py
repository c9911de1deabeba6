"""Where a cache mark goes whose content is left out: to the last of its span that is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.messages.content import can_be_marked, parts_of, sections
from foveate.proxy.formats.messages.message import role_of
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.formats.wire.reading import Json, decoded, elements_of, fields_of
from foveate.proxy.formats.wire.writing import array, changed, json_of, text_part

MARK = "cache_control"
_WRITTEN = b'"cache_control"'


def moved_marks(parsed: Parsed, rows: Sequence[Row]) -> dict[int, bytes]:
    """Return the marks that would be lost, by the position of the row to put each on; the latest of
    several.
    """
    by_item = {row.item: n for n, row in enumerate(rows)}
    moved: dict[int, bytes] = {}
    latest = -1
    for i, raw in enumerate(parsed.outline.items):
        n = by_item.get(i, -1)
        latest = max(latest, n)
        whole = n >= 0 and rows[n].left is None
        if whole or _WRITTEN not in raw or latest < 0:
            continue
        kept = [block for block, _ in rows[n].left or ()] if n >= 0 else []
        for mark in _lost(raw, frozenset(kept)):
            moved[latest] = mark
    return moved


def with_mark(message: bytes, mark: bytes) -> bytes:
    """Return a message with a cache mark on its last part that can carry one, unless that has one
    already.
    """
    content: Json = fields_of(message).get("content", b"null") if message.startswith(b"{") else b""
    if content[:1] == b'"':
        return changed(message, content=array([_marked(text_part(decoded(content)), mark)]))
    if content[:1] != b"[":
        return message
    parts = elements_of(content)
    for n in range(len(parts) - 1, -1, -1):
        part = decoded(parts[n])
        if can_be_marked(part):
            if part.get(MARK):
                break
            parts[n] = _marked(parts[n], mark)
            return changed(message, content=array(parts))
    return message


def _marked(part: bytes, mark: bytes) -> bytes:
    """Return a content block with a cache mark."""
    return changed(part, **{MARK: mark})


def _lost(raw: bytes, kept: frozenset[int]) -> Iterator[bytes]:
    """Yield the marks of a message's blocks that are not `kept`."""
    wire = decoded(raw)
    parts = (parts_of(wire.get("content")) if isinstance(wire, dict) else None) or []
    for block, places in enumerate(sections(role_of(wire), parts)):
        if block in kept:
            continue
        yield from (json_of(parts[i][MARK]) for i in places if parts[i].get(MARK))
