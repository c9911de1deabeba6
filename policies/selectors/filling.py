"""Fills a room with segments in a given order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from foveate.policies.types import Segment


def fill(
    segments: Sequence[Segment], order: Iterable[int], room: int, chosen: Iterable[int] = ()
) -> frozenset[int]:
    """Return `chosen` and what of `order` still fits beside it, what does not fit skipped, pinned ones
    never.
    """
    taken = set(chosen)
    room -= sum(segments[i].tokens for i in taken)
    for i in order:
        if i not in taken and not segments[i].pin and segments[i].tokens <= room:
            taken.add(i)
            room -= segments[i].tokens
    return frozenset(taken)
