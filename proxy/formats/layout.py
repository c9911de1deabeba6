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
    instead = _by_block(shown or {})
    stays = _staying(parsed, kept)
    thoughtless = _bare_items(parsed, kept, bare) if bare else set()
    rows = []
    for i, item in enumerate(parsed.items):
        blocks = range(len(item.blocks))
        left = [(b, _pieces(parsed, (i, b), stays[i, b])) for b in blocks if (i, b) in stays]
        if not left:
            continue
        whole = len(left) == len(item.blocks) and all(pieces is None for _, pieces in left)
        row = Row(
            i,
            None if whole else tuple(left),
            tuple(recalled.get(i, ())),
            i in thoughtless,
            tuple([each for b, _ in left for each in instead.get((i, b), ())]) if instead else (),
            forgotten=parsed.forgotten.get(i, ()),
        )
        rows.append(row)
    return rows


def _by_block(shown: Mapping[Key, Shown]) -> dict[Address, list[tuple[int, int, Shown]]]:
    """Return what stands for results, as rows have it, by where each stands."""
    found: dict[Address, list[tuple[int, int, Shown]]] = {}
    for (item, block, part), instead in sorted(shown.items()):
        found.setdefault((item, block), []).append((block, part, instead))
    return found


def _staying(parsed: Parsed, kept: Collection[int]) -> dict[Address, set[int] | None]:
    """Return which blocks stay, each with its pieces; None for all of them."""
    stays: dict[Address, set[int] | None] = {}
    for position in kept:
        place = parsed.places[position]
        if place.piece is None:
            stays.update(dict.fromkeys(place.addresses))
        else:
            pieces = stays.setdefault(place.addresses[0], set())
            assert pieces is not None
            pieces.add(place.piece)
    return stays


def _bare_items(parsed: Parsed, kept: Collection[int], bare: Collection[Key]) -> set[int]:
    """Return the items whose reasoning is taken out."""
    some = [i for i in kept if parsed.segments[i].key in bare]
    return {item for i in some for item in parsed.places[i].items}


def _pieces(parsed: Parsed, address: Address, kept: set[int] | None) -> frozenset[int] | None:
    """Return the pieces that stay of a block, None where all of it does."""
    item, block = address
    if kept is None or len(kept) == len(parsed.items[item].blocks[block].pieces):
        return None
    return frozenset(kept)
