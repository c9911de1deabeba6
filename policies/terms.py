"""Terms as numbers: what identifies one, and where a history has those of a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from foveate.policies.types import Counts, History, Places, Terms

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Postings:
    """The terms of all segments laid end to end, with the segment and the number of occurrences of
    each.
    """

    terms: Terms
    segments: NDArray[np.int32]  # of half the size of positions: a history may have a million
    counts: Counts


def term_id(term: str) -> int:
    """Return what stands for a term: a 32-bit hash, the same in every process."""
    return crc32(term.encode("utf-8", "replace"))


def distinct(ids: NDArray[Number]) -> NDArray[Number]:
    """Return each of some numbers once, ascending: ten times as fast as numpy, which hashes them."""
    ordered = np.sort(ids)
    first = np.ones(ordered.size, dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def ranks_of(ids: Terms) -> Places:
    """Return the rank of each of some numbers among those that differ."""
    return distinct_ranks(ids)[1]


def distinct_ranks(ids: Terms) -> tuple[Terms, Places]:
    """Return each of some numbers once, ascending, and the rank of each among them."""
    # With its position below each number, sorting puts the positions in order too, twice as fast
    packed = np.sort(ids.astype(np.uint64) << np.uint64(32) | np.arange(ids.size, dtype=np.uint64))
    ordered, order = (packed >> np.uint64(32)).astype(np.uint32), packed.astype(np.uint32)
    first = np.ones(ids.size, dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    ranks = np.empty(ids.size, dtype=np.intp)
    ranks[order] = np.cumsum(first) - 1
    return ordered[first], ranks


def begins_of(sizes: Places) -> Places:
    """Return where each of several spans begins that lie one after the other."""
    begins: Places = np.cumsum(sizes) - sizes
    return begins


def order_of(numbers: Places, most: int) -> Places:
    """Return the positions of numbers below `most`, the smallest first, equal ones as they come."""
    # Numbers of 16 bits are put in order ten times as fast
    return np.argsort(numbers.astype(np.uint16) if most <= 1 << 16 else numbers, kind="stable")


def those_among(terms: Terms, wanted: Terms) -> tuple[Places, Places]:
    """Return where terms are `wanted` ones, and which of them, `wanted` being ascending.

    The lower half of a term's bits sorts out most of those that are not.
    """
    if not wanted.size or not terms.size:
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    likely = np.zeros(1 << 16, dtype=bool)
    likely[wanted.astype(np.uint16)] = True
    some = np.flatnonzero(likely[terms.astype(np.uint16)])
    at = np.searchsorted(wanted, terms[some])
    at[at == wanted.size] = 0
    hit = wanted[at] == terms[some]
    return some[hit], at[hit]


def postings(history: History) -> Postings:
    """Return the postings of a history; ask for them with `history.once(postings)`."""
    features = history.features
    lengths = [f.terms.size for f in features]
    if not sum(lengths):
        return Postings(np.zeros(0, np.uint32), np.zeros(0, np.int32), np.zeros(0, np.uint16))
    return Postings(
        np.concatenate([f.terms for f in features]),
        np.repeat(np.arange(len(features), dtype=np.int32), lengths),
        np.concatenate([f.counts for f in features]),
    )


def named_values(history: History) -> tuple[Places, Places]:
    """Return a number from 0 for each identifier of a history, each once a segment, and the segment that
    names it, oldest first; ask for them with `history.once(named_values)`.
    """
    values = [f.values for f in history.features]
    where = np.repeat(np.arange(len(values)), [each.size for each in values])
    return ranks_of(np.concatenate([*values, np.zeros(0, np.uint32)])), where


def occurrences(history: History, wanted: Terms) -> tuple[Places, Places, Counts]:
    """Return where a history has the terms `wanted`, ascending: segments, positions in `wanted`, and
    how often.
    """
    found = history.once(postings)
    hits, places = those_among(found.terms, wanted)
    return found.segments[hits].astype(np.intp), places, found.counts[hits]
