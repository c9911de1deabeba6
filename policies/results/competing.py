"""Which pieces of several results fill one room."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

import numpy as np

from foveate.policies.results.choosing import Filling
from foveate.policies.results.pieces.piece import Pieces
from foveate.policies.results.pieces.render import gaps, opened, render
from foveate.policies.results.scoring import Field, Need, Offer, field_of
from foveate.policies.results.settings import Results
from foveate.policies.terms import begins_of, order_of
from foveate.policies.types import Scores

BRIDGE = 16.0  # tokens: a shorter gap is shown, since its mark would be as hard to read
NEAR = 0.01  # of the room: what may stay empty
REFILLS = 3
SPARE = 1.4  # how much more than the room is put in order, since tokens are estimated first
NAME = 80  # characters of a row's first value that stands with any other of its row
Count = Callable[[str], int]


def compete(
    offers: Sequence[Offer], need: Need, room: int, results: Results, count: Count
) -> list[frozenset[int]]:
    """Return the pieces of each result that stay: with their openings at most `room` tokens by `count`.

    A unit none of whose results has any goes as a whole; in one that stays a result without any is a
    mark alone.
    """
    if not offers:
        return []
    field = field_of(offers, need, results)
    costs = _Costs(offers, field, count)
    filling = Filling(field, results.price, openings_of(offers))
    order = filling.fill(room * SPARE)
    taken = order[: longest([], order, int(room * (1.0 - results.finish)), costs)]
    taken += finishing(taken, field, room, costs)
    for _ in range(REFILLS):  # what did not fit stood in the way of smaller ones
        left = room - costs.of(taken)
        if left <= NEAR * room:
            break
        filling.begin(taken)
        order = filling.fill(filling.spent() + left)
        fit = longest(taken, order, room, costs)
        taken = taken + order[:fit]
        if not fit:
            break
    return [shown(o.pieces, s, o.ratio) for o, s in zip(offers, costs.sets(taken), strict=True)]


def longest(before: Sequence[int], order: Sequence[int], room: int, costs: _Costs) -> int:
    """Return how many of the first pieces fit beside those taken before.

    With few guesses, each told by how far the one before was off.
    """
    spent_by = _Prefixes(costs, [*before, *order])
    low, high = 0, len(order) + 1  # the one fits, the other does not
    guess = len(order) if before else min(len(order), int(len(order) / SPARE) + 1)
    while high - low > 1:
        spent = spent_by.of(len(before) + guess)
        if spent <= room:
            low = guess
        else:
            high = guess
        if spent <= room and room - spent <= NEAR * room:
            break
        told = int(guess * room * (1.0 - NEAR / 2) / max(1, spent))
        guess = min(max(told, low + 1), high - 1) if low < told < high else (low + high) // 2
    return low


def finishing(taken: Sequence[int], field: Field, room: int, costs: _Costs) -> list[int]:
    """Return the pieces that make results whole which are shown in part, those first that tell the most
    for what they lack.

    A whole result reads better than its best lines, and once the lines that matter are in, the rest of
    the room buys little else.
    """
    left = room - costs.of(taken)
    sets = costs.sets(taken)
    lacking = {n: costs.whole(n) - costs.one(n, chosen) for n, chosen in enumerate(sets) if chosen}
    some = np.fromiter(taken, dtype=np.intp)
    worth = np.bincount(field.offer[some], field.base[some], len(sets))
    found: list[int] = []
    for n in sorted(lacking, key=lambda n: -worth[n] / max(1, lacking[n])):
        if 0 < lacking[n] <= left:
            left -= lacking[n]
            found += costs.rest(n, sets[n], field)
    return found


def openings_of(offers: Sequence[Offer]) -> Scores:
    """Return the tokens that fall due with the first piece of each unit."""
    units = np.array([o.unit for o in offers], dtype=np.intp)
    return np.asarray(np.bincount(units, [o.opening for o in offers]), dtype=float)


def shown(pieces: Pieces, chosen: Collection[int], ratio: float) -> frozenset[int]:
    """Return the chosen pieces, those that lead to them, and what is shorter than the mark in its
    stead.
    """
    found = opened(pieces, chosen)
    if pieces.kind == "json":
        return found | _names(pieces, found)
    if not found:
        return found
    bits: list[int] = []
    for first, last in gaps(len(pieces), found):
        if (pieces.all[last].end - pieces.all[first].start) * ratio <= BRIDGE:
            bits += range(first, last + 1)
    return opened(pieces, found.union(bits)) if bits else found


def _names(pieces: Pieces, found: frozenset[int]) -> set[int]:
    """Return the first value of each object of a list that is shown in part: what it is known by."""
    names = set()
    for i in found:
        piece, inside = pieces.all[i], pieces.all[i + 1 : i + 2]
        listed = piece.parent >= 0 and pieces.all[piece.parent].form == "array"
        if (
            piece.form == "object"
            and listed
            and inside[0].form == "leaf"
            and inside[0].end - inside[0].start <= NAME
        ):
            names.add(i + 1)
    return names


class _Costs:
    """Counts what is shown; a result whose pieces are the same as before is not counted again."""

    def __init__(self, offers: Sequence[Offer], field: Field, count: Count) -> None:
        self.offers = offers
        self.offer = field.offer
        sizes = np.array([len(o.pieces) for o in offers])
        self.starts = begins_of(sizes)
        self.count = count
        self.known: dict[tuple[int, frozenset[int]], int] = {}
        self.units = [o.unit for o in offers]
        self.always = {o.unit for o in offers if o.pinned}

    def sets(self, taken: Sequence[int]) -> list[frozenset[int]]:
        """Return the pieces of each result, from their positions in the field."""
        return [frozenset(own) for own in self.parted(taken)]

    def parted(self, order: Sequence[int]) -> list[list[int]]:
        """Return the pieces of each result in the order given, from their positions in the field."""
        positions = np.array(order, dtype=np.intp)
        offer = self.offer[positions]
        own = (positions - self.starts[offer])[order_of(offer, len(self.offers))].tolist()
        ends = np.cumsum(np.bincount(offer, minlength=len(self.offers))).tolist()
        return [own[begin:end] for begin, end in pairwise([0, *ends])]

    def of(self, taken: Sequence[int]) -> int:
        """Return the tokens of all results with these pieces."""
        return _Prefixes(self, taken).of(len(taken))

    def rest(self, i: int, chosen: frozenset[int], field: Field) -> list[int]:
        """Return the leaves of a result that are not chosen, as positions in the field."""
        start = int(self.starts[i])
        leaves = np.flatnonzero(field.leaf[start : start + len(self.offers[i].pieces)]).tolist()
        return [start + k for k in leaves if k not in chosen]

    def one(self, i: int, chosen: frozenset[int]) -> int:
        """Return the tokens of a result with these pieces."""
        if (i, chosen) not in self.known:
            self.known[i, chosen] = self.offers[i].opening + self._tokens(self.offers[i], chosen)
        return self.known[i, chosen]

    def whole(self, i: int) -> int:
        """Return the tokens of a result with all its pieces."""
        offer = self.offers[i]
        if offer.whole is not None and not offer.frame:
            return offer.opening + offer.whole
        return self.one(i, frozenset(range(len(offer.pieces))))

    def _tokens(self, offer: Offer, chosen: frozenset[int]) -> int:
        if offer.frame:
            return 0
        n = len(offer.pieces)
        if offer.whole is not None and len(chosen) == n:
            return offer.whole
        pieces = shown(offer.pieces, chosen, offer.ratio)
        if offer.whole is not None and len(pieces) == n:
            return offer.whole
        return self.count(render(offer.pieces, pieces))


class _Prefixes:
    """Counts the first so many of an order of pieces, each result once for each number of its own."""

    def __init__(self, costs: _Costs, order: Sequence[int]) -> None:
        self.costs = costs
        self.offer = costs.offer[np.array(order, dtype=np.intp)]
        self.own = costs.parted(order)
        self.known: dict[tuple[int, int], int] = {}

    def of(self, many: int) -> int:
        """Return the tokens of all results with the first `many` pieces."""
        counts = np.bincount(self.offer[:many], minlength=len(self.own)).tolist()
        units = self.costs.units
        stay = self.costs.always | {unit for unit, n in zip(units, counts, strict=True) if n}
        return sum([self._one(i, n) for i, n in enumerate(counts) if units[i] in stay])

    def _one(self, i: int, many: int) -> int:
        found = self.known.get((i, many))
        if found is None:
            found = self.costs.one(i, frozenset(self.own[i][:many]))
            self.known[i, many] = found
        return found
