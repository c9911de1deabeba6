"""Marks where a turn is missing, so that what is left of a chat takes turns as the whole of it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foveate.policies.seams import KINDS, OTHER, WORK, seams
from foveate.policies.types import INSTRUCTIONS
from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import Block, Item

LEFT_OUT = "[...]"


def marked(items: Sequence[Item], rows: Sequence[Row]) -> Mapping[int, str]:
    """Return the role of the mark that stands ahead of a row, by the row's number."""
    if len(rows) == len(items):
        return {}
    number = {row.item: n for n, row in enumerate(rows)}
    spoken = [i for i, item in enumerate(items) if item.blocks[0].role not in INSTRUCTIONS]
    kinds = [_kind_of(items[i].blocks[0]) for i in spoken]
    found = seams(kinds, [i in number for i in spoken])
    return {number[spoken[seam.before]]: seam.kind for seam in found}


def _kind_of(block: Block) -> str:
    """Return what kind of turn a message is, or is part of."""
    if block.kind == "tool" and block.role != "user":
        return WORK
    return KINDS.get(block.role, OTHER)
