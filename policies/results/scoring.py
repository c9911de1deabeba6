"""What each piece is worth, before anything is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from foveate.policies.results.pieces.concordance import Concordance, Rarity, covered, laid_together
from foveate.policies.results.pieces.piece import Pieces
from foveate.policies.results.pieces.tokens import tokens_of
from foveate.policies.results.reading import Reading
from foveate.policies.results.settings import Results
from foveate.policies.terms import distinct, ranks_of, those_among
from foveate.policies.types import Places, Scores

RECENT = 2.0  # units
# Exponent of how well a piece matches the turn: what answers it has most of its rare words
CLOSE = 1.5
BRINGS = 0.6  # of its heading's gain that a line of a tree counts: a commit's message without its hash is half of it


@dataclass(frozen=True, slots=True)
class Need:
    """What the agent is doing: what a result is read for."""

    turn: str = ""  # the user's
    asks: float = 0.0  # how much of it asks for something, 0..1
    # Units of the conversation since that turn: the more, the less it says what comes next
    since: int = 0
    step: str = ""  # the names and arguments of the latest calls, and the agent's words beside them
    # Ids of values said elsewhere: how lately, 0..1
    named: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """A result that competes for room."""

    pieces: Pieces
    reading: Reading
    age: int = 0  # units of the conversation since
    call: str = ""  # name and arguments of the call that it answers
    unit: int = 0  # results of one unit stay or go together, each with a mark at least
    # Tokens that fall due with the first piece of its unit: the call's own share, and its frame
    opening: int = 0
    ratio: float = 0.25  # tokens a character
    prior: float = 1.0  # how much its pieces count by what is known of their unit
    pinned: bool = False  # its unit stays, and it is a mark at least
    whole: int | None = None  # tokens of all of it, where they are known
    frame: bool = False  # it stands wherever its unit does, and its opening is what it takes


@dataclass(frozen=True, slots=True)
class Field:
    """The pieces of all offers laid end to end."""

    offer: Places  # which offer each piece is of, shape (n,)
    unit: Places  # and which unit
    parent: Places  # -1 at the top
    leaf: NDArray[np.bool_]
    tokens: Scores  # an estimate
    base: Scores  # worth beside its values
    values: Places  # of each occurrence of a value which one it is
    places: Places  # and the piece that carries it
    worth: Scores  # of each value, in units of a piece's mean
    brings: Scores  # how much of the gain of its heading, where that comes along, each piece counts


class _Laid:
    """Offers laid end to end: where the pieces of each begin, and what is read of all."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        self.offers = offers
        self.readings = [o.reading for o in offers]
        sizes = [len(o.pieces) for o in offers]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        self.n = int(self.starts[-1])
        self.offer = np.repeat(np.arange(len(offers)), sizes)
        self.said = laid_together([r.terms for r in self.readings], self.starts)
        self.carried = laid_together([r.values for r in self.readings], self.starts)
        self.novelty = np.concatenate([r.novelty for r in self.readings])

    def shifted(self, places: Sequence[Places]) -> Places:
        """Return places within each offer as places within all, -1 as it is."""
        found = np.concatenate(places)
        return np.where(found >= 0, found + self.starts[self.offer], -1)


def field_of(offers: Sequence[Offer], need: Need, results: Results) -> Field:
    """Return the pieces of `offers` with what they are worth for `need`."""
    laid = _Laid(offers)
    readings, offer = laid.readings, laid.offer
    leaf = np.concatenate([r.leaf for r in readings])
    tokens = (
        np.concatenate([r.size for r in readings]) * np.array([o.ratio for o in offers])[offer] + 0.5
    )
    scale = _standing(laid, need, results)[offer]
    base = _base(laid, need, results) * scale * leaf
    values, places, worth = _values(laid.carried, scale * laid.novelty, leaf)
    total = np.bincount(places, worth[values], laid.n)
    mean = float(total[leaf].mean()) if leaf.any() else 0.0
    typical = float(scale[leaf].mean()) if leaf.any() else 1.0
    worth = worth * (results.weights.values * typical / max(mean, 1e-12))
    unit = np.array([o.unit for o in offers], dtype=np.intp)[offer]
    brings = np.array([BRINGS * (o.pieces.kind == "tree") for o in offers])[offer]
    parent = laid.shifted([r.parent for r in readings])
    return Field(offer, unit, parent, leaf, tokens, base, values, places, worth, brings)


def _standing(laid: _Laid, need: Need, results: Results) -> Scores:
    """Return how much the pieces of each result count: recent ones, and those that the turn or the step
    is about.

    What has just come counts most, unless the user has just asked about something else.
    """
    w, offers = results.weights, laid.offers
    ages = np.array([o.age for o in offers], dtype=float)
    fresh = float(np.exp2(-need.since / results.turn_half_life))
    turn, step = about(laid, [need.turn, need.step])
    elsewhere = fresh * float(turn.max())
    recency = np.exp2(-ages / results.half_life) + w.recent * (1.0 - elsewhere) * np.exp2(
        -ages / RECENT
    )
    priors = np.array([o.prior for o in offers])
    counts: Scores = priors * (recency * (1.0 + w.same * step) + fresh * w.about * turn**2)
    return counts


def _base(laid: _Laid, need: Need, results: Results) -> Scores:
    """Return the worth of each piece beside its values, from its words, cues and place."""
    w, readings = results.weights, laid.readings
    rarity = Rarity(laid.said, laid.n)
    turn = w.turn * (1.0 + w.asked * need.asks) * float(np.exp2(-need.since / results.turn_half_life))
    base = turn * rarity.match(tokens_of(need.turn)[0]) ** CLOSE
    base += w.step * rarity.match(tokens_of(need.step)[0])
    json = np.array([o.pieces.kind == "json" for o in laid.offers], dtype=bool)[laid.offer]
    base += results.kin * shared(base, laid.shifted([r.kin for r in readings]), json)
    base += _cues(readings, laid.offer, results) + w.named * _named(laid.carried, laid.n, need)
    base = smoothed(base, laid.offer, results.smoothing)
    own = (w.floor + _ends(laid.starts, laid.offer, results)) * laid.novelty
    worded = rarity.lengths > 0
    fresh = np.concatenate([r.fresh for r in readings])
    return np.asarray((base + own * worded) * fresh, dtype=float)


def _cues(readings: Sequence[Reading], offer: Places, results: Results) -> Scores:
    """Return what the cues of each piece add, each weakened where most pieces of its result have it: a
    cue that is everywhere tells nothing.
    """
    w = results.weights
    found = np.zeros(offer.size)
    sizes = np.maximum(np.bincount(offer, minlength=len(readings)), 1)
    for weight, cue in (
        (w.failure, [r.failure for r in readings]),
        (w.trouble, [r.trouble for r in readings]),
        (w.total, [r.total for r in readings]),
        (w.definition, [r.definition for r in readings]),
    ):
        marks = np.concatenate(cue)
        share = np.bincount(offer, marks, len(readings)) / sizes
        found += weight * marks * (1.0 - share[offer])
    return found


def shared(scores: Scores, kin: Places, json: NDArray[np.bool_]) -> Scores:
    """Return what each piece takes from its kin: the worth of its heading, in JSON the best of its
    object.
    """
    best = np.where(json, 0.0, scores)
    inside = np.flatnonzero((kin >= 0) & json)
    np.maximum.at(best, kin[inside], scores[inside])
    return np.where(kin >= 0, best[kin], 0.0)


def _ends(starts: Places, offer: Places, results: Results) -> Scores:
    """Return the worth of being near the first or last piece."""
    at = np.arange(offer.size)
    ahead, behind = at - starts[offer], starts[offer + 1] - 1 - at
    w = results.weights
    near: Scores = w.head * np.exp(-ahead / results.near) + w.tail * np.exp(-behind / results.near)
    return near


def smoothed(scores: Scores, offer: Places, share: float) -> Scores:
    """Return scores raised by what neighbours of the same result have: half as much two pieces on."""
    out = scores.copy()
    for lag, weight in ((1, share), (2, share / 2)):
        if scores.size > lag:
            same = (offer[lag:] == offer[:-lag]) * weight
            out[lag:] += scores[:-lag] * same
            out[:-lag] += scores[lag:] * same
    return out


def about(laid: _Laid, queries: Sequence[str]) -> list[Scores]:
    """Return for each query the share of its words, rare ones counting more, that each result and its
    call have.
    """
    n = len(laid.offers)
    calls = [tokens_of(o.call)[0] for o in laid.offers]
    ids = np.concatenate([laid.said.ids, np.fromiter(chain.from_iterable(calls), np.uint32)])
    sizes = [*(r.terms.ids.size for r in laid.readings), *map(len, calls)]
    offer = np.repeat(np.concatenate([np.arange(n), np.arange(n)]), sizes)
    found = []
    for query in queries:
        hits, which = those_among(ids, distinct(np.array(tokens_of(query)[0], dtype=np.uint32)))
        pairs = np.unique(offer[hits] << 32 | which)
        found.append(covered(pairs >> 32, pairs & 0xFFFFFFFF, n))
    return found


def _named(values: Concordance, n: int, need: Need) -> Scores:
    """Return how lately the conversation named a value that each piece carries, at most 1."""
    ids = np.array(sorted(need.named), dtype=np.uint32)
    weights = np.array([need.named[int(i)] for i in ids])
    best = np.zeros(n)
    places, which, _ = values.hits(ids)
    np.maximum.at(best, places, weights[which])
    return best


def _values(
    carried: Concordance, scale: Scores, leaf: NDArray[np.bool_]
) -> tuple[Places, Places, Scores]:
    """Return which value stands in which piece, and the worth of each: rare ones of recent results
    count most. `scale` is of each piece.
    """
    values, places = np.repeat(ranks_of(carried.ids), carried.sizes), carried.places
    if not leaf.all():
        keep = leaf[places]
        values, places = values[keep], places[keep]
    df = np.bincount(values).astype(float)
    latest = np.zeros(df.size)
    np.maximum.at(latest, values, scale[places])
    return values, places, latest / np.maximum(df, 1.0) ** 0.5
