"""How blocks become segments: what lives and dies together, and what is split into parts."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_

import msgspec

from foveate.policies.types import Key, Segment, ToolResult
from foveate.proxy.formats.parsed import BY_ORDER, Address, Block, Call, Item, Piece, Place, digest

Unit = tuple[Address, ...]  # where the blocks of one unit stand, ascending
WHOLE = -1  # the piece of a key that means all of it
SHORT = 20  # characters of a result up to which it says nothing that a later step could miss
NO_CALL = Call("", "", "")


class Built(msgspec.Struct, frozen=True):
    """The segments of a unit, and what they depend on."""

    blocks: tuple[Block, ...]
    unit: Unit
    turn: int
    split: bool
    segments: tuple[Segment, ...]
    places: tuple[Place, ...]
    thinks: bool  # its blocks have reasoning

    def holds(self, blocks: tuple[Block, ...], unit: Unit, turn: int, split: bool) -> bool:
        """Say whether it is what these very blocks make there."""
        there = self.unit == unit and self.turn == turn and self.split == split
        return there and all(map(is_, self.blocks, blocks))


def group(items: Sequence[Item], start: int = 0) -> list[Unit]:
    """Return the units of the items from `start` on.

    A tool call with its results, and with what of the model's stands right ahead where it `joins` that;
    a block that leads with all that the model says next, up to whatever answers it or to the next block
    that leads; else a block by itself. A result belongs to the latest call of its id. One that names no
    call, or right behind a call one that is not known, belongs to the latest calls: so providers pair
    them.
    """
    units: list[list[Address]] = []
    callers: dict[str, list[Address]] = {}
    calling: list[Address] | None = None  # the latest unit with calls
    before: list[Address] | None = None
    answer: list[Address] | None = None  # that the model's next words belong to
    led = False  # it has more than what leads
    spoken = False  # the block before is the model's words or a call that joins them
    for i in range(start, len(items)):
        for b, block in enumerate(items[i].blocks):
            unit = None
            if block.answers:
                near = block.answers == BY_ORDER or before is calling
                unit = callers.get(block.answers) or (calling if near else None)
            elif answer is not None and block.role == "assistant" and not (block.leads and led):
                unit = answer
            elif block.joins and spoken:
                unit = before
            if unit is None:
                unit = []
                units.append(unit)
            unit.append((i, b))
            if block.leads:
                answer, led = unit, False
            elif block.role == "assistant" and unit is answer:
                led = True
            else:
                answer = None
            if block.calls:
                callers.update(dict.fromkeys(block.calls, unit))
                calling = unit
            before = unit
            spoken = block.role == "assistant" and (block.joins or block.kind != "tool")
    return [tuple(unit) for unit in units]


def looks_back(items: Sequence[Item], start: int) -> bool:
    """Say whether what stands from `start` on may belong to a unit ahead of there."""
    if start < len(items) and items[start].blocks[0].joins:
        return True
    called: set[str] = set()
    for item in items[start:]:
        for block in item.blocks:
            if block.answers and block.answers not in called:
                return True
            called |= block.calls
    return False


def build_unit(blocks: tuple[Block, ...], unit: Unit, turn: int, split: bool) -> Built:
    """Return the segments of a unit: one, or one a piece where its only block is `split`."""
    first = blocks[0]
    item, block = unit[0]
    if split:
        pieces = enumerate(first.pieces)
        segments = tuple(_part(first, piece, turn, (item, block, n)) for n, piece in pieces)
        places = tuple(Place(unit, (item,), n) for n in range(len(first.pieces)))
    else:
        segments = (_whole(blocks, unit, turn),)
        places = (Place(unit, tuple(dict.fromkeys([i for i, _ in unit]))),)
    thinks = any(block.thought or block.bound for block in blocks)
    return Built(blocks, unit, turn, split, segments, places, thinks)


def _part(block: Block, piece: Piece, turn: int, key: Key) -> Segment:
    return Segment(
        id=digest([block.id.encode(), str(key[2]).encode()]),
        role=block.role,
        kind=piece.kind,
        text=piece.text,
        tokens=piece.tokens + block.beside,
        turn=turn,
        key=key,
        name=block.name,
        # And not whole in its place: a mark that comes or goes must not change what a key stands for
        pin=block.pin,
    )


def _whole(blocks: Sequence[Block], unit: Unit, turn: int) -> Segment:
    first = blocks[0]
    item, block = unit[0]
    alone = len(blocks) == 1
    clings = any(block.clings for block in blocks)
    results = _results(blocks, unit)
    return Segment(
        id=first.id if alone else digest([block.id.encode() for block in blocks]),
        role=first.role,
        kind=first.kind
        if alone
        else next((block.kind for block in blocks if block.kind == "tool"), first.kind),
        text=first.whole if alone else _joined(blocks),
        tokens=first.tokens if alone else sum([block.tokens for block in blocks]),
        turn=turn,
        key=(item, block, WHOLE),
        name=first.name,
        pin=next((block.pin for block in blocks if block.pin), ""),
        thought=0 if clings else sum([block.thought for block in blocks]),
        bound=not clings and any(block.bound for block in blocks),
        results=results,
        said=_joined([block for block in blocks if not block.answers]) if results else "",
    )


def _joined(blocks: Sequence[Block]) -> str:
    return "\n".join(filter(None, [block.whole for block in blocks]))


def _results(blocks: Sequence[Block], unit: Unit) -> tuple[ToolResult, ...]:
    """Return the longer texts of a unit's results, each with the call that it answers; none where code
    reads them.
    """
    coded = any(call.by_code for block in blocks for call in block.made)
    if coded or not any(block.told for block in blocks):
        return ()
    named = {call.id: call for block in blocks for call in block.made}
    unnamed = iter([call for block in blocks for call in block.made if call.id == BY_ORDER])
    found = []
    for address, block in zip(unit, blocks, strict=True):
        if not block.answers:
            continue
        call = (
            next(unnamed, NO_CALL) if block.answers == BY_ORDER else named.get(block.answers, NO_CALL)
        )
        found += [
            ToolResult((*address, told.part), told.text, told.tokens, call.tool, call.said)
            for told in block.told
            if len(told.text) > SHORT
        ]
    return tuple(found)
