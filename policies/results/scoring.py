"""What each piece is worth, before anything is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from foveate.policies.results.pieces.piece import Pieces
from foveate.policies.results.pieces.tokens import tokens_of
from foveate.policies.results.reading import Reading
from foveate.policies.results.settings import Results
from foveate.policies.terms import distinct, ranks_of, those_among
from foveate.policies.types import Places, Scores, Terms

K1, B = 1.2, 0.4
RECENT = 2.0  # units
BRINGS = 0.6  # of its heading's gain that a line of a tree counts: a commit's message without its hash is half of it


@dataclass(frozen=True, slots=True)
class Need:
    """What the agent is doing: what a result is read for."""

    turn: str = ""  # the user's
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


def field_of(offers: Sequence[Offer], need: Need, results: Results) -> Field:
    """Return the pieces of `offers` with what they are worth for `need`."""
    sizes = [len(o.pieces) for o in offers]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
    offer = np.repeat(np.arange(len(offers)), sizes)
    parent = _shifted([o.reading.parent for o in offers], starts)
    leaf = np.concatenate([o.reading.leaf for o in offers])
    tokens = np.concatenate([o.reading.size * o.ratio + 0.5 for o in offers])
    scale = _standing(offers, need, results)
    base = _base(offers, starts, need, results) * scale[offer] * leaf
    values, places, worth = _values(offers, starts, scale, leaf)
    total = np.bincount(places, worth[values], offer.size)
    mean = float(total[leaf].mean()) if leaf.any() else 0.0
    typical = float(scale[offer][leaf].mean()) if leaf.any() else 1.0
    worth = worth * (results.weights.values * typical / max(mean, 1e-12))
    unit = np.array([o.unit for o in offers], dtype=np.intp)[offer]
    brings = np.array([BRINGS * (o.pieces.kind == "tree") for o in offers])[offer]
    return Field(offer, unit, parent, leaf, tokens, base, values, places, worth, brings)


def _standing(offers: Sequence[Offer], need: Need, results: Results) -> Scores:
    """Return how much the pieces of each result count: recent ones, and those that the turn or the step
    is about.

    What has just come counts most, unless the user has just asked about something else.
    """
    w = results.weights
    ages = np.array([o.age for o in offers], dtype=float)
    fresh = float(np.exp2(-need.since / results.turn_half_life))
    turn, step = about(offers, [need.turn, need.step])
    elsewhere = fresh * float(turn.max())
    recency = np.exp2(-ages / results.half_life) + w.recent * (1.0 - elsewhere) * np.exp2(
        -ages / RECENT
    )
    priors = np.array([o.prior for o in offers])
    counts: Scores = priors * (recency * (1.0 + w.same * step) + fresh * w.about * turn**2)
    return counts


def _shifted(places: Sequence[Places], starts: Places) -> Places:
    """Return places within each offer as places within all, -1 as it is."""
    return np.concatenate([np.where(p >= 0, p + s, -1) for p, s in zip(places, starts, strict=False)])


def _base(offers: Sequence[Offer], starts: Places, need: Need, results: Results) -> Scores:
    """Return the worth of each piece beside its values, from its words, cues and place."""
    w = results.weights
    offer = np.repeat(np.arange(len(offers)), np.diff(starts))
    terms = np.concatenate([o.reading.terms for o in offers])
    places = np.concatenate([o.reading.term_places + s for o, s in zip(offers, starts, strict=False)])
    n = int(starts[-1])
    idf = Rarity(terms, places, n)
    turn = w.turn * float(np.exp2(-need.since / results.turn_half_life))
    base = turn * idf.match(tokens_of(need.turn)[0]) + w.step * idf.match(tokens_of(need.step)[0])
    readings = [o.reading for o in offers]
    json = np.array([o.pieces.kind == "json" for o in offers], dtype=bool)[offer]
    base += results.kin * shared(base, _shifted([r.kin for r in readings], starts), json)
    base += _cues(readings, offer, results) + w.named * _named(offers, starts, need)
    base = smoothed(base, offer, results.smoothing)
    own = (w.floor + _ends(starts, offer, results)) * np.concatenate([r.novelty for r in readings])
    worded = np.bincount(places, minlength=n) > 0
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


class Rarity:
    """BM25 over pieces."""

    def __init__(self, terms: Terms, places: Places, n: int) -> None:
        self.n = n
        self.terms, self.places = terms, places
        lengths = np.bincount(places, minlength=n).astype(float)
        self.norm = K1 * (1 - B + B * lengths / max(1e-9, float(lengths.mean()) if n else 1.0))

    def match(self, wanted: Sequence[int]) -> Scores:
        """Return how well each piece matches the wanted terms, at most 1."""
        place, term, counts, idf = self._hits(wanted)
        part = idf[term] * counts * (K1 + 1) / (counts + self.norm[place])
        scores = np.asarray(np.bincount(place, part, self.n), dtype=float)
        # What one rare word gives: words that are everywhere must not pass for it
        rare = float(np.log1p(self.n))
        return np.asarray(scores / max(float(scores.max(initial=0.0)), rare))

    def cover(self, wanted: Sequence[int]) -> Scores:
        """Return the share of the wanted terms that each piece has, those that stand nowhere left out."""
        place, term, _, idf = self._hits(wanted)
        return np.bincount(place, idf[term], self.n) / max(float(idf[np.unique(term)].sum()), 1e-9)

    def _hits(self, wanted: Sequence[int]) -> tuple[Places, Places, Places, Scores]:
        """Return where wanted terms stand: pieces, terms, how often; and how rare each term is."""
        ids = distinct(np.array(wanted, dtype=np.uint32))
        if not ids.size or not self.terms.size:
            none = np.zeros(0, dtype=np.intp)
            return none, none, none, np.zeros(ids.size)
        hits, which = those_among(self.terms, ids)
        pairs, counts = np.unique(self.places[hits] * ids.size + which, return_counts=True)
        place, term = pairs // ids.size, pairs % ids.size
        df = np.bincount(term, minlength=ids.size)
        return place, term, counts, np.log1p((self.n - df + 0.5) / (df + 0.5))


def about(offers: Sequence[Offer], queries: Sequence[str]) -> list[Scores]:
    """Return for each query the share of its words, rare ones counting more, that each result and its
    call have.
    """
    terms, places = [], []
    for i, offer in enumerate(offers):
        said = np.concatenate(
            [np.array(tokens_of(offer.call)[0], dtype=np.uint32), offer.reading.about]
        )
        terms.append(said)
        places.append(np.full(said.size, i))
    found = Rarity(np.concatenate(terms), np.concatenate(places), len(offers))
    return [found.cover(tokens_of(query)[0]) for query in queries]


def _named(offers: Sequence[Offer], starts: Places, need: Need) -> Scores:
    """Return how lately the conversation named a value that each piece carries, at most 1."""
    ids = np.array(sorted(need.named), dtype=np.uint32)
    weights = np.array([need.named[int(i)] for i in ids])
    best = np.zeros(int(starts[-1]))
    raw, places = carried_by(offers, starts)
    hits, which = those_among(raw, ids)
    np.maximum.at(best, places[hits], weights[which])
    return best


def carried_by(offers: Sequence[Offer], starts: Places) -> tuple[Terms, Places]:
    """Return the values of all offers with the pieces that carry them."""
    raw = np.concatenate([o.reading.values for o in offers])
    places = np.concatenate([o.reading.value_places + s for o, s in zip(offers, starts, strict=False)])
    return raw, places


def _values(
    offers: Sequence[Offer], starts: Places, scale: Scores, leaf: NDArray[np.bool_]
) -> tuple[Places, Places, Scores]:
    """Return which value stands in which piece, and the worth of each: rare ones of recent results
    count most.
    """
    raw, places = carried_by(offers, starts)
    keep = leaf[places]
    values, places = ranks_of(raw[keep]), places[keep]
    offer = np.repeat(np.arange(len(offers)), np.diff(starts))[places]
    df = np.bincount(values).astype(float)
    latest = np.zeros(df.size)
    fresh = np.concatenate([o.reading.novelty for o in offers])
    np.maximum.at(latest, values, scale[offer] * fresh[places])
    return values, places, latest / np.maximum(df, 1.0) ** 0.5
