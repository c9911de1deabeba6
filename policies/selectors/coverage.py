"""What the next tool call will need: every value that counts, kept once."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from foveate.policies.flow.fusion import best_first
from foveate.policies.flow.shape import shape_of
from foveate.policies.selectors.filling import fill
from foveate.policies.selectors.price import discount, talk_strength
from foveate.policies.terms import named_values
from foveate.policies.types import History, Places, Scores, Segment


@dataclass(frozen=True, slots=True)
class Coverage:
    """Takes segments by relevance in talk, and by the values they carry where tools are at work.

    A segment's gain is its relevance plus the worth of the identifiers that nothing kept carries yet:
    monotone and submodular, for which greedy on gain / cost is the standard answer (Lin and Bilmes
    2010). How much the values count follows from the share of tool segments in the latest tokens; in
    plain talk this is `density`. Whatever the tools, what stands out as what the user asks about stays.
    """

    persistence: float = 0.9  # price of length in talk, per unit of persistence
    answers: float = 0.25  # price of length in talk, per unit of the answer ratio
    tools: float = 0.6  # price of length in tool work
    tool_share: float = 0.3  # share of tool tokens from which values count in full
    # How much they count then; the rest is relevance, for a question about talk before the tools
    values: float = 0.95
    half_life: float = 16.0  # segments since a value was last named
    references: float = 0.33  # exponent of how many segments name it
    relevance: float = 2.0  # how much more a value counts that stands in the most relevant segment
    # Deviations above the mean score from where a segment is worth as much as the values of a typical one
    outstanding: float = 5.0

    def select(self, history: History, scores: Scores, room: int) -> frozenset[int]:
        """Return the chosen positions, `room` tokens at the most."""
        gate = self.weighs_values(history)
        cost = self.price(history)
        order = (
            best_first(scores - cost)
            if gate == 0.0
            else self.cover(history, scores, np.exp(-cost), gate, room)
        )
        return fill(history.segments, order, room)

    def price(self, history: History) -> Scores:
        """Return what each segment's length takes from its score."""
        gate, shape = self.weighs_values(history), history.once(shape_of)
        strength = (1 - gate) * talk_strength(shape, self.persistence, self.answers) + gate * self.tools
        return discount(history.segments, strength)

    def weighs_values(self, history: History) -> float:
        """Return how much values count: 0, relevance decides alone; 1, values decide alone."""
        return self.values * min(1.0, history.once(shape_of).tool_share / self.tool_share)

    def cover(
        self, history: History, scores: Scores, density: Scores, gate: float, room: int
    ) -> list[int]:
        """Return positions in the order of their gains, each given what was taken before it."""
        n = len(history.segments)
        what, where = history.once(named_values)
        ends = np.searchsorted(where, np.arange(n + 1)).tolist()
        carried = [what[begin:end] for begin, end in pairwise(ends)]
        worth = self.worths(scores, what, where, int(what.max(initial=-1)) + 1)
        free = np.array([not s.pin for s in history.segments], dtype=bool)
        worth[what[~free[where]]] = 0.0  # what is pinned carries them already
        total = np.asarray(np.bincount(where, worth[what], n), dtype=float)
        talk = np.exp(np.clip(scores, -8.0, 8.0))
        base = (1 - gate) * talk / mean(talk[free])
        base += gate * np.exp(np.clip(scores - self.outstanding, -30.0, 3.0))
        scale = gate / mean(total[free])
        gains = Gains(base, scale * worth, carried, density)
        return lazily(history.segments, gains, (base + scale * total) * density, room)

    def worths(self, scores: Scores, what: Places, where: Places, values: int) -> Scores:
        """Return the worth of each value; segment `where[k]` carries value `what[k]`, oldest segment
        first.

        A value is worth more if it was named lately, is named often, or stands in a segment that the
        query is about.
        """
        last, peak = np.zeros(values), np.zeros(values)
        last[what] = where  # ascending, so that the newest segment which names a value is written last
        if what.size:
            np.maximum.at(peak, what, np.exp(np.clip(scores - scores.max(), -30.0, 0.0))[where])
        worth: Scores = (
            np.exp2((last - scores.size + 1) / self.half_life)
            * np.bincount(what, minlength=values) ** self.references
            * (1 + self.relevance * peak)
        )
        return worth


def mean(values: Scores) -> float:
    """Return the mean, never 0."""
    return max(float(values.mean()), 1e-12) if values.size else 1.0


@dataclass(frozen=True, slots=True)
class Gains:
    """What taking a segment brings: its own value and the worth of what nothing taken carries yet, by
    its price.
    """

    base: Scores
    worth: Scores  # of each value, 0 once it is carried; shape (values,)
    carried: Sequence[Places]  # the values of each segment
    density: Scores  # one over the price of each segment

    def of(self, segment: int) -> float:
        """Return the gain of a segment now."""
        return float(
            (self.base[segment] + self.worth[self.carried[segment]].sum()) * self.density[segment]
        )

    def take(self, segment: int) -> None:
        """Let a segment carry its values."""
        self.worth[self.carried[segment]] = 0.0


def lazily(segments: Sequence[Segment], gains: Gains, first: Scores, room: int) -> list[int]:
    """Return the order of greedy taking (Minoux 1978): gains only shrink, so the best after its update
    is the best.

    `first` are the gains before anything was taken. What no longer fits is skipped. Of equal gains the
    newer one is taken first.
    """
    heap = [(-gain, -i) for i, gain in enumerate(first.tolist()) if not segments[i].pin]
    heapq.heapify(heap)
    taken: list[int] = []
    while heap:
        stale, negative = heapq.heappop(heap)
        i = -negative
        if segments[i].tokens > room:
            continue
        now = -gains.of(i)
        if heap and now > stale + 1e-12 and (now, negative) > heap[0]:
            heapq.heappush(heap, (now, negative))
            continue
        taken.append(i)
        room -= segments[i].tokens
        gains.take(i)
    return taken
