"""Which pieces fill a room: greedy on gain for its price, each value counted once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foveate.policies.results.scoring import Field
from foveate.policies.types import Places, Scores

MARK = 9.0  # tokens of a mark
ROUND = 0.12  # of the room that is left: what one round may fill,
STEP = 0.03  # or of all of it, where that is more
REST = 0.005  # of the room: so little is not filled, since sizes are estimates
# Of what falls due with the first piece of a unit: what each piece is charged by itself, as if no other
# came with it; the rest is shared by their sizes
ALONE = 0.3
FIRST = 512  # pieces that are put in order at first: mostly they are enough for a round


class Filling:
    """Takes pieces until a room is full, all sizes being estimates.

    Gains are monotone and submodular, for which greedy on gain / cost is the standard answer (Lin and
    Bilmes 2010); it goes in rounds, so that a history of ten thousand pieces takes a few milliseconds.
    """

    def __init__(self, field: Field, price: float, openings: Scores) -> None:
        """`openings` are the tokens that fall due with the first piece of each unit."""
        self.field = field
        self.price = price
        self.openings = openings.astype(float)
        self.shown = np.zeros(field.offer.size, dtype=bool)
        self.opened = np.zeros(openings.size, dtype=bool)
        self.worth = field.worth.copy()
        self.levels = levels(field.parent)
        own = np.where(field.leaf, field.tokens, 0.0)
        size = np.maximum(np.bincount(field.unit, own, openings.size), 1.0)
        self.charged = ALONE + (1 - ALONE) * own / size[field.unit]
        self.same = field.offer[1:] == field.offer[:-1]

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
        costs, due = self._costs()
        gains = self.field.base + np.bincount(
            self.field.places, self.worth[self.field.values], self.shown.size
        )
        free = np.flatnonzero(self.field.leaf & ~self.shown & (due <= left) & (gains > 0.0))
        if not free.size:
            return []
        gains = self._brought(gains)
        rank = gains[free] / costs[free] ** self.price
        for few in (FIRST, free.size):
            some = leading(rank, few)
            best = free[some[np.lexsort((-free[some], -rank[some]))]]
            spent = np.cumsum(costs[best])
            if few >= free.size or spent[-1] > most:
                break
        chosen: list[int] = best[: max(1, int(np.searchsorted(spent, most, side="right")))].tolist()
        return chosen

    def _brought(self, gains: Scores) -> Scores:
        """Return gains with a share of what the headings of a tree gain that come along, being paid for."""
        if not self.field.brings.any():
            return gains
        own = np.where(self.shown, 0.0, gains)
        for level in self.levels:
            own[level] += self.field.brings[level] * own[self.field.parent[level]]
        return own

    def _costs(self) -> tuple[Scores, Scores]:
        """Return what each piece is charged, and what showing it alone adds: itself, what leads to it, a
        mark unless it joins what is shown, and what falls due with its unit's first.
        """
        own = np.where(self.shown, 0.0, self.field.tokens)
        for level in self.levels:
            own[level] += np.where(self.shown[level], 0.0, own[self.field.parent[level]])
        joined = np.zeros(self.shown.size)
        joined[1:] += self.shown[:-1] & self.same
        joined[:-1] += self.shown[1:] & self.same
        opening = np.where(self.opened, 0.0, self.openings)[self.field.unit]
        bare = own + MARK * (1.0 - joined)
        return np.maximum(bare + opening * self.charged, 1.0), bare + opening

    def take(self, taken: Sequence[int]) -> None:
        """Show pieces, and with each what leads to it."""
        for i in taken:
            at = i
            while at >= 0 and not self.shown[at]:
                self.shown[at] = True
                at = int(self.field.parent[at])
        self.opened[self.field.unit[list(taken)]] = True
        carried = self.shown[self.field.places]
        self.worth[self.field.values[carried]] = 0.0


def leading(rank: Scores, few: int) -> Places:
    """Return the positions of the `few` largest, and of those that are as large as the last of them."""
    if few >= rank.size:
        return np.arange(rank.size)
    least = np.partition(rank, rank.size - few)[rank.size - few]
    return np.flatnonzero(rank >= least)


def levels(parent: Places) -> list[Places]:
    """Return the positions of each level below the top, nearest the top first."""
    depth = np.zeros(parent.size, dtype=np.intp)
    above = parent
    while (above >= 0).any():
        depth += above >= 0
        above = np.where(above >= 0, parent[above], -1)
    return [np.flatnonzero(depth == level) for level in range(1, int(depth.max(initial=0)) + 1)]
