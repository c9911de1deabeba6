"""Which pieces fill a room: greedy on gain for its price, each value counted once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foveate.policies.results.pieces.concordance import spans
from foveate.policies.results.scoring import Field
from foveate.policies.terms import begins_of, distinct, order_of
from foveate.policies.types import Places, Scores

MARK = 9.0  # tokens of a mark
ROUND = 0.12  # of the room that is left: what one round may fill,
STEP = 0.03  # or of all of it, where that is more
REST = 0.005  # of the room: so little is not filled, since sizes are estimates
# Of what falls due with the first piece of a unit: what each piece is charged by itself, as if no other
# came with it; the rest is shared by their sizes
ALONE = 0.3
MANY = 30  # where one in so many occurrences of values has changed, all gains are worked out anew
TINY = 5e-324  # of the ranks that count
FIRST = 512  # pieces that are put in order at first: mostly they are enough for a round


@dataclass(frozen=True, slots=True)
class Groups:
    """Things by what they belong to."""

    begins: Places
    sizes: Places
    things: Places

    def of(self, owners: Places) -> Places:
        """Return the things that belong to some, those of the first owner first."""
        return self.things[spans(self.begins[owners], self.sizes[owners])]


def grouped(things: Places, owners: Places, n: int) -> Groups:
    """Return things by which of `n` owners each belongs to, those of one owner in their order."""
    sizes = np.bincount(owners, minlength=n)
    return Groups(begins_of(sizes), sizes, things[order_of(owners, n)])


class Filling:
    """Takes pieces until a room is full, all sizes being estimates.

    Gains are monotone and submodular, for which greedy on gain / cost is the standard answer (Lin and
    Bilmes 2010); it goes in rounds, each of which works out anew only what the one before has changed,
    so that a history of ten thousand pieces takes a few milliseconds.
    """

    def __init__(self, field: Field, price: float, openings: Scores) -> None:
        """`openings` are the tokens that fall due with the first piece of each unit."""
        self.field = field
        self.price = price
        self.openings = openings.astype(float)
        self.levels = levels(field.parent)
        own = np.where(field.leaf, field.tokens, 0.0)
        size = np.maximum(np.bincount(field.unit, own, openings.size), 1.0)
        self.charged = ALONE + (1 - ALONE) * own / size[field.unit]
        self.same = field.offer[1:] == field.offer[:-1]
        self.carried = grouped(field.values, field.places, field.offer.size)
        self.carriers = grouped(field.places, field.values, field.worth.size)
        self.begin([])

    def begin(self, taken: Sequence[int]) -> None:
        """Begin anew with those pieces shown, and all that leads to them."""
        field, n = self.field, self.field.offer.size
        self.shown = np.zeros(n, dtype=bool)
        self.opened = np.zeros(self.openings.size, dtype=bool)
        self.opening = self.openings[field.unit]
        self.worth = field.worth.copy()
        self.gains = field.base + np.bincount(field.places, self.worth[field.values], n)
        self.least = np.inf
        self.take(taken)

    def fill(self, room: float) -> list[int]:
        """Return pieces in the order of taking until about `room` tokens are filled, by what was taken
        before too.
        """
        order: list[int] = []
        while True:
            left = room - self.spent()
            taken = self._round(left, max(left * ROUND, room * STEP)) if left > room * REST else []
            if not taken:
                return order
            order += taken
            self.take(taken)

    def spent(self) -> float:
        """Return the tokens of all that is shown, marks included."""
        hidden = ~self.shown & self.opened[self.field.unit]
        begins = hidden.copy()
        begins[1:] &= ~(hidden[:-1] & self.same)
        tokens = float(self.field.tokens[self.shown].sum() + self.openings[self.opened].sum())
        return tokens + MARK * float(begins.sum())

    def _round(self, left: float, most: float) -> list[int]:
        """Return the best pieces of one round, about `most` tokens of them, best first; none where
        nothing fits.
        """
        bare = self._bare()
        costs = np.maximum(bare + self.opening * self.charged, 1.0)
        gains = self._brought()
        rank = gains / costs**self.price
        rank[self.shown | ~self.field.leaf | (bare + self.opening > left) | (self.gains <= 0.0)] = 0.0
        for least in self._leasts(rank):
            some = np.flatnonzero(rank >= least)
            best = some[np.lexsort((-some, -rank[some]))]
            spent = np.cumsum(costs[best])
            if spent.size and spent[-1] > most:
                break
        chosen: list[int] = best[: max(1, int(np.searchsorted(spent, most, side="right")))].tolist()
        return chosen

    def _leasts(self, rank: Scores) -> Iterator[float]:
        """Yield ranks from which on pieces are put in order: first the one that was enough before."""
        yield self.least
        if rank.size > FIRST:
            self.least = max(TINY, float(np.partition(rank, rank.size - FIRST)[rank.size - FIRST]))
            yield self.least
        yield TINY

    def _brought(self) -> Scores:
        """Return gains with a share of what the headings of a tree gain that come along, being paid for."""
        if not self.field.brings.any():
            return self.gains
        own = np.where(self.shown, 0.0, self.gains)
        for level in self.levels:
            own[level] += self.field.brings[level] * own[self.field.parent[level]]
        return own

    def _bare(self) -> Scores:
        """Return what showing each piece adds: itself, what leads to it, and a mark unless it joins what
        is shown. What falls due with its unit's first comes beside that.
        """
        own = np.where(self.shown, 0.0, self.field.tokens)
        for level in self.levels:
            own[level] += np.where(self.shown[level], 0.0, own[self.field.parent[level]])
        mark = np.full(own.size, MARK)
        mark[1:] -= MARK * (self.shown[:-1] & self.same)
        mark[:-1] -= MARK * (self.shown[1:] & self.same)
        bare: Scores = own + mark
        return bare

    def take(self, taken: Sequence[int]) -> None:
        """Show pieces, and with each what leads to it."""
        at = np.array(taken, dtype=np.intp)
        if not self.opened[self.field.unit[at]].all():
            self.opened[self.field.unit[at]] = True
            self.opening = np.where(self.opened, 0.0, self.openings)[self.field.unit]
        while at.size:
            self.shown[at] = True
            self._carry(at)
            at = self.field.parent[at]
            at = at[(at >= 0) & ~self.shown[at]]

    def _carry(self, pieces: Places) -> None:
        """Count the values of pieces that are shown no more, in all others that carry them."""
        values = self.carried.of(pieces)
        values = distinct(values[self.worth[values] > 0.0])
        self.worth[values] = 0.0
        carriers = self.carriers.of(values[self.carriers.sizes[values] > 1])
        field = self.field
        if carriers.size * MANY > field.places.size:
            self.gains = field.base + np.bincount(
                field.places, self.worth[field.values], self.shown.size
            )
            return
        touched = np.zeros(self.shown.size, dtype=bool)
        touched[carriers] = True
        some = np.flatnonzero(touched & ~self.shown)
        if some.size:
            owner = np.repeat(np.arange(some.size), self.carried.sizes[some])
            left = np.bincount(owner, self.worth[self.carried.of(some)], some.size)
            self.gains[some] = field.base[some] + left


def levels(parent: Places) -> list[Places]:
    """Return the positions of each level below the top, nearest the top first."""
    depth = np.zeros(parent.size, dtype=np.intp)
    above = parent
    while (above >= 0).any():
        depth += above >= 0
        above = np.where(above >= 0, parent[above], -1)
    return [np.flatnonzero(depth == level) for level in range(1, int(depth.max(initial=0)) + 1)]
