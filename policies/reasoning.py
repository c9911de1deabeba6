"""What a history weighs once a change at its beginning has taken out the reasoning that was made under
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from foveate.policies.types import Key, Segment


def lightened(segments: Sequence[Segment], insists: bool) -> Sequence[Segment]:
    """Return `segments` at the sizes that they have after a change at their beginning."""
    goes = {s.key for s in loose(segments, insists)}
    if not goes:
        return segments
    return [replace(s, tokens=s.tokens - s.thought) if s.key in goes else s for s in segments]


def loose(segments: Sequence[Segment], insists: bool) -> list[Segment]:
    """Return the segments whose reasoning a change ahead of them takes out.

    All bound reasoning, and the plain reasoning of closed turns with it, whose tokens the new prefix
    need not pay. An open tool loop keeps its plain reasoning, and where the provider `insists` all of
    it (Anthropic, "Extended thinking": the turn is not over).
    """
    thinking = [s for s in segments if s.thought]
    if not thinking:
        return []
    # Words beside results, in a block behind theirs, do not close the loop that the results belong to.
    opened = max((s.key[0] for s in segments if s.role == "user" and s.key[1] == 0), default=-1)
    return [s for s in thinking if (s.bound and not insists) or s.key[0] < opened]


def from_first_over(segments: Sequence[Segment], room: int) -> Key | None:
    """Return the first of `segments` whose reasoning no longer fits `room` tokens, None where all of it
    does.
    """
    for segment in segments:
        room -= segment.thought
        if room < 0:
            return segment.key
    return None
