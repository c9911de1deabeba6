"""What is left of each item of a request, from the segments that are kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from foveate.policies.types import Extract, Key, PruneState, Segment, Shown
from foveate.proxy.formats.parsed import Address, Parsed

# Blocks that stay, each with its pieces; None for all of them
Left = tuple[tuple[int, frozenset[int] | None], ...]


class Row(NamedTuple):
    """One item of the prompt: which of the request's, what is left of it, and what is quoted ahead of
    its words.
    """

    item: int
    left: Left | None  # None for all of it
    excerpts: tuple[int, ...] = ()  # positions of segments
    bare: bool = False  # its reasoning is taken out
    # What stands for results: of which block, and which of its texts
    shown: tuple[tuple[int, int, Shown], ...] = ()
    extracts: tuple[Extract, ...] = ()  # of results, quoted beside the excerpts
    forgotten: tuple[Segment, ...] = ()  # what the request does not carry, quoted ahead of them

    @property
    def quotes(self) -> bool:
        """Whether something is quoted in it."""
        return bool(self.excerpts or self.extracts or self.forgotten)

    @property
    def whole(self) -> bool:
        """Whether it goes on as the caller wrote it."""
        changed = self.quotes or self.bare or self.shown
        return self.left is None and not changed


def rows_of(parsed: Parsed, kept: Collection[int], state: PruneState) -> list[Row]:
    """Return the prompt's items, in order, for the segments at the positions `kept`, as `state` has
    them.
    """
    rows = layout(parsed, kept, _excerpts(parsed, state), state.bare, state.shown)
    if not state.extracts:
        return rows
    return [row._replace(extracts=state.extracts.get(row.item, ())) for row in rows]


def _excerpts(parsed: Parsed, state: PruneState) -> dict[int, tuple[int, ...]]:
    """Return positions of the segments to quote, by the user's item that they are quoted at."""
    if not state.quoted:
        return {}
    position = {s.key: i for i, s in enumerate(parsed.segments)}
    return {
        turn: tuple(position[key] for key in keys if key in position)
        for turn, keys in state.recalled.items()
    }


def layout(
    parsed: Parsed,
    kept: Collection[int],
    recalled: Mapping[int, Sequence[int]],
    bare: Collection[Key] = (),
    shown: Mapping[Key, Shown] | None = None,
) -> list[Row]:
    """Return the prompt's items, in order, for the segments at the positions `kept`.

    `recalled` maps the position of a user's item to the segments that are quoted ahead of its words;
    `bare` holds the keys of segments whose reasoning is taken out, and `shown` what stands for results,
    by their own keys.
    """
    instead: dict[Address, list[tuple[int, int, Shown]]] = {}
    for (at, block, part), found in sorted((shown or {}).items()):
        instead.setdefault((at, block), []).append((block, part, found))
    stays: dict[Address, set[int] | None] = {}
    thoughtless: set[int] = set()
    for position in kept:
        place = parsed.places[position]
        if bare and parsed.segments[position].key in bare:
            thoughtless.update(place.items)
        if place.piece is None:
            stays.update(dict.fromkeys(place.addresses))
        else:
            pieces = stays.setdefault(place.addresses[0], set())
            assert pieces is not None
            pieces.add(place.piece)
    rows = []
    for i, item in enumerate(parsed.items):
        left = [
            (b, _pieces(parsed, (i, b), stays[i, b]))
            for b in range(len(item.blocks))
            if (i, b) in stays
        ]
        if left:
            whole = len(left) == len(item.blocks) and all(pieces is None for _, pieces in left)
            results = (
                tuple([each for b, _ in left for each in instead.get((i, b), ())]) if instead else ()
            )
            rows.append(
                Row(
                    i,
                    None if whole else tuple(left),
                    tuple(recalled.get(i, ())),
                    i in thoughtless,
                    results,
                    forgotten=parsed.forgotten.get(i, ()),
                )
            )
    return rows


def _pieces(parsed: Parsed, address: Address, kept: set[int] | None) -> frozenset[int] | None:
    """Return the pieces that stay of a block, None where all of it does."""
    item, block = address
    if kept is None or len(kept) == len(parsed.items[item].blocks[block].pieces):
        return None
    return frozenset(kept)
