"""Where the terms and values of texts stand, and how rare each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foveate.policies.terms import begins_of, distinct, distinct_ranks, order_of, those_among
from foveate.policies.types import Places, Scores, Terms

K1, B = 1.2, 0.4
Occurrences = NDArray[np.uint32]  # how many


class Hits(NamedTuple):
    """Where wanted ids stand, each once a text: the text, which of the ids, and how often."""

    places: Places
    which: Places
    counts: Occurrences


@dataclass(frozen=True, slots=True)
class Concordance:
    """The ids that texts have, and which texts have each; for one result every id stands once, ascending."""

    ids: Terms
    sizes: Places  # how many texts have each
    places: Places  # the texts that have the first id, ascending, then those that have the second
    counts: Occurrences  # how often

    def hits(self, wanted: Terms) -> Hits:
        """Return where the `wanted` ids stand, which are ascending."""
        rows, which = those_among(self.ids, wanted)
        sizes = self.sizes[rows]
        begins = begins_of(self.sizes)[rows]
        at = spans(begins, sizes)
        return Hits(self.places[at], np.repeat(which, sizes), self.counts[at])


def spans(begins: Places, sizes: Places) -> Places:
    """Return the positions of several spans, one after the other."""
    found: Places = np.arange(int(sizes.sum())) + np.repeat(begins - begins_of(sizes), sizes)
    return found


def concordance(table: Terms, occurrences: Places, places: Places) -> Concordance:
    """Return where ids stand, given for every occurrence its position in a table of ids, and its text,
    ascending.
    """
    ids, ranks = distinct_ranks(table)
    ranks = ranks[occurrences]
    order = order_of(ranks, ids.size)
    ranks, places = ranks[order], places[order]
    first = np.ones(ranks.size, dtype=bool)
    first[1:] = (ranks[1:] != ranks[:-1]) | (places[1:] != places[:-1])
    begins = np.flatnonzero(first)
    counts = np.diff(begins, append=ranks.size).astype(np.uint32)
    return Concordance(ids, np.bincount(ranks[begins], minlength=ids.size), places[begins], counts)


def laid_together(parts: Sequence[Concordance], starts: Places) -> Concordance:
    """Return the concordances of several results as one, the texts of each beginning at its start."""
    places = np.concatenate([part.places for part in parts])
    return Concordance(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.sizes for part in parts]),
        places + np.repeat(starts[: len(parts)], [part.places.size for part in parts]),
        np.concatenate([part.counts for part in parts]),
    )


class Rarity:
    """BM25 over `n` texts."""

    def __init__(self, said: Concordance, n: int) -> None:
        self.said = said
        self.n = n
        self.lengths = np.bincount(said.places, said.counts, n)
        mean = max(1e-9, float(self.lengths.mean()) if n else 1.0)
        self.norm = K1 * (1 - B + B * self.lengths / mean)

    def match(self, wanted: Sequence[int]) -> Scores:
        """Return how well each text matches the wanted terms, at most 1."""
        ids = distinct(np.array(wanted, dtype=np.uint32))
        places, which, counts = self.said.hits(ids)
        idf = rarity_of(which, ids.size, self.n)
        part = idf[which] * counts * (K1 + 1) / (counts + self.norm[places])
        scores = np.asarray(np.bincount(places, part, self.n), dtype=float)
        # What one rare word gives: words that are everywhere must not pass for it
        rare = float(np.log1p(self.n))
        return np.asarray(scores / max(float(scores.max(initial=0.0)), rare))


def rarity_of(which: Places, ids: int, n: int) -> Scores:
    """Return how rare each of so many ids is that stand in `n` texts, given which stands in each."""
    df = np.bincount(which, minlength=ids)
    return np.asarray(np.log1p((n - df + 0.5) / (df + 0.5)))


def covered(places: Places, which: Places, n: int) -> Scores:
    """Return the share of the wanted ids that each of `n` texts has, rare ones counting more, those that
    stand nowhere left out; given which of them stand where, each once a text.
    """
    ids = int(which.max(initial=-1)) + 1
    idf = rarity_of(which, ids, n)
    there = np.bincount(which, minlength=ids) > 0
    return np.asarray(np.bincount(places, idf[which], n) / max(float(idf[there].sum()), 1e-9))
