"""What a decision was made of, beside its scores: for whoever asks why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foveate.policies.cut import candidates
from foveate.policies.policy import Policy
from foveate.policies.types import History, Scores, Segment, Selection

MOST = 12  # values that are named of a segment


@dataclass(frozen=True, slots=True)
class Why:
    """What led to a selection, one value a segment where it is one of each."""

    own: Scores  # what its own words are worth: its score before anything flowed to it
    price: Scores  # what its length takes from the score where the selector puts segments in order
    values: Sequence[Sequence[str]]  # that it carries, as far as values count
    alone: Sequence[Sequence[str]]  # and of them those that nothing that is kept carries beside it
    floor: float | None  # the score that the policy's threshold asks for; None without one
    gate: float  # how much values count, 0 to 1; the rest is relevance
    left: int  # tokens of the room that stayed empty, below 0 where more had to stay than fits


def why(history: History, policy: Policy, selection: Selection, low: int) -> Why:
    """Return what led to a selection from a history under `low` tokens for it."""
    rows, competing = candidates(history)
    own, price = np.zeros(len(history.segments)), np.zeros(len(history.segments))
    own[rows] = own_scores(policy, competing)
    price[rows] = policy.selector.price(competing) if hasattr(policy.selector, "price") else 0.0
    gate = (
        float(policy.selector.weighs_values(competing))
        if hasattr(policy.selector, "weighs_values")
        else 0.0
    )
    values = [tuple(f.identifiers[:MOST]) if gate else () for f in history.features]
    return Why(
        own=own,
        price=price,
        values=values,
        alone=alone_in(values, selection),
        floor=floor_of(policy, selection, rows),
        gate=gate,
        left=low - _size_of(selection),
    )


def own_scores(policy: Policy, history: History) -> Scores:
    """Return what each segment would score if nothing flowed."""
    shares = policy.own_shares(history).values()
    total: Scores = np.zeros(len(history.segments)) + sum(shares)
    return total


def alone_in(values: Sequence[Sequence[str]], selection: Selection) -> list[tuple[str, ...]]:
    """Return of each segment's values those that no other kept segment carries."""
    kept = set(selection.kept)
    carriers: dict[str, set[int]] = {}
    for i in kept:
        for value in values[i]:
            carriers.setdefault(value, set()).add(i)
    return [
        tuple([v for v in named if not carriers.get(v, set()) - {i}]) for i, named in enumerate(values)
    ]


def floor_of(policy: Policy, selection: Selection, rows: Sequence[int]) -> float | None:
    """Return the score below which a segment goes even where there is room."""
    if policy.threshold is None or selection.scores is None or not rows:
        return None
    scores = selection.scores[list(rows)]
    return float(scores.mean() + policy.threshold * scores.std())


def _size_of(selection: Selection) -> int:
    """Return the tokens of what is kept."""
    kept: list[Segment] = [selection.segments[i] for i in selection.kept]
    return sum([s.tokens for s in kept]) - selection.state.saved(kept)
