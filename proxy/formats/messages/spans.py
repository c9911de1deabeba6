"""Where a cache mark goes whose content is left out: to the last of its span that is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.messages.content import parts_of, sections
from foveate.proxy.formats.parsed import Parsed

MARK = "cache_control"
_WRITTEN = b'"cache_control"'


def moved_marks(parsed: Parsed, rows: Sequence[Row]) -> dict[int, Any]:
    """Return the marks that would be lost, by the position of the row to put each on; the latest of several."""
    by_item = {row.item: n for n, row in enumerate(rows)}
    moved: dict[int, Any] = {}
    latest = -1
    for i, raw in enumerate(parsed.outline.items):
        row = by_item.get(i)
        latest = latest if row is None else row
        whole = row is not None and rows[row].left is None
        if whole or _WRITTEN not in raw or latest < 0:
            continue
        kept = frozenset() if row is None else frozenset([block for block, _ in rows[row].left or ()])
        for mark in _lost(raw, kept):
            moved[latest] = mark
    return moved


def _lost(raw: bytes, kept: frozenset[int]) -> Iterator[Any]:
    """Yield the marks of a message's blocks that are not `kept`."""
    wire = orjson.loads(raw)
    parts = parts_of(wire.get("content"))
    for block, places in enumerate(sections(wire["role"], parts)):
        if block in kept:
            continue
        yield from (parts[i][MARK] for i in places if parts[i].get(MARK))
