"""The whole decision, from a history and a budget to a verdict for every segment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from policies.policy import Policy
from policies.types import History, Selection, Verdict


def prune(history: History, policy: Policy, budget: int) -> Selection:
    """Return a verdict for every segment, such that the kept ones take `budget` tokens at the most.

    Pinned segments stay even where they alone take more; everything else goes then.
    """
    history = replace(history, segments=policy.pins.apply(history.segments, budget))
    room = budget - sum(s.tokens for s in history.segments if s.pin)
    shares = policy.shares(history)
    scores = np.zeros(len(history.segments)) + sum(shares.values())
    chosen = policy.selector.select(history, scores, max(0, room))
    return Selection(
        tuple(
            Verdict(
                segment=segment,
                fate="kept" if segment.pin or i in chosen else "dropped",
                reason=f"pinned: {segment.pin}" if segment.pin else "fits the budget" if i in chosen else "no room",
                score=float(scores[i]),
                shares={name: float(share[i]) for name, share in shares.items()},
            )
            for i, segment in enumerate(history.segments)
        )
    )
