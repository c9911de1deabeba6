"""Histories made of what is known of their segments; nothing is asked for here."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from foveate.policies.features import both_ends, extract_query
from foveate.policies.types import INSTRUCTIONS, Features, History, Scores, Segment, Vectors
from foveate.proxy.vectors.indexes import Entry, Vector
from foveate.proxy.vectors.store import Known

# Segments of which the vectors are read though a search has told how like the turn they are: they tell how
# long topics last
JUDGED = 256


def wanting(segments: Sequence[Segment], known: Known) -> list[Segment]:
    """Return the segments, instructions aside, that have a text and no entry, each content once."""
    unknown = [s for s in segments if known[s.id] is None and s.role not in INSTRUCTIONS]
    return list({s.id: s for s in unknown if s.text.strip()}.values())


def read_of(
    fresh: Sequence[Segment], like: Mapping[str, float], segments: Sequence[Segment]
) -> Sequence[Segment]:
    """Return the segments whose entries are read from the index: of those that a search has found the
    latest alone.
    """
    if not like:
        return fresh
    unread = {s.id for s in fresh if s.id in like}
    return [s for s in segments[-JUDGED:] if s.id in unread]


def latest(segments: Sequence[Segment], query: str) -> Segment | None:
    """Return the segment that is the latest turn; None where that is split or not there."""
    return next(
        (s for s in reversed(segments) if both_ends(s.text) == query and s.role not in INSTRUCTIONS),
        None,
    )


def is_undescribed(entry: Entry | None) -> bool:
    """Say whether nothing is known of where an entry was first seen."""
    return entry is not None and entry.topic < 0


def vector_of(segment: Segment | None, known: Known) -> Vector | None:
    """Return a segment's vector where it is known."""
    entry = known[segment.id] if segment else None
    return entry.vector if entry else None


def without_vectors(segments: Sequence[Segment], features: Sequence[Features], query: str) -> History:
    """Return the history of segments of which no index knows anything."""
    nothing, none = np.zeros(0, dtype=np.float32), np.zeros(len(segments))
    vectors = nothing.reshape(len(segments), 0)
    return History(
        segments, features, vectors, query, extract_query(query), nothing, age_hours=none, recalls=none
    )


def filled(
    bare: History, known: Known, query: Vector | None, like: Mapping[str, float] | None = None
) -> History:
    """Return the history with vectors, ages and recall counts; 0 where nothing is known."""
    now = time.time()
    entries = [known[s.id] for s in bare.segments]
    vectors = [query, *(entry.vector for entry in entries if entry)]
    found = next((v for v in vectors if v is not None), None)
    if found is None:
        return bare
    full = replace(
        bare,
        vectors=_laid_out(entries, found.size),
        query_vector=np.zeros_like(found) if query is None else query,
        age_hours=np.array(
            [max(0.0, now - entry.first_seen) / 3600 if entry else 0.0 for entry in entries]
        ),
        recalls=np.array([entry.recalls if entry else 0 for entry in entries], dtype=float),
    )
    return replace(full, likeness=likened(full, like)) if like else full


def _laid_out(entries: Sequence[Entry | None], size: int) -> Vectors:
    """Return a row for each entry; those of nothing take no memory: a history may be mostly new."""
    there = [(i, entry.vector) for i, entry in enumerate(entries) if entry]
    if len(there) == len(entries):
        return np.concatenate([vector for _, vector in there]).reshape(len(entries), size)
    rows = np.zeros((len(entries), size), dtype=np.float32)
    for i, vector in there:
        rows[i] = vector
    return rows


def likened(history: History, like: Mapping[str, float]) -> Scores:
    """Return how like the query each segment is: by its vector, else by what a search has told."""
    cosines = history.cosines()
    told = np.array([like.get(s.id, np.nan) for s in history.segments])
    return np.where(np.isnan(cosines), told, cosines)
