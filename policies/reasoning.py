"""Which reasoning a change of the prompt invalidates: providers tie it to the very history that it was made under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from foveate.policies.types import Key, PruneState, Segment


def thoughtless(segments: Sequence[Segment], before: PruneState, after: PruneState, insists: bool) -> PruneState:
    """Return `after` with the reasoning taken out that the change from `before` invalidates.

    `before` is what the conversation's previous prompt was made of. What was taken out stays out. From the first
    change on all bound reasoning goes, and the plain reasoning of closed turns with it, whose tokens the new prefix
    need not pay; ahead of it nothing does. An open tool loop keeps its plain reasoning, and where the provider
    `insists` all of it (Anthropic, "Extended thinking": the turn is not over).
    """
    start = first_change(before, after)
    if start is None:
        return after if after.bare == before.bare else replace(after, bare=before.bare)
    stays = {key for key in before.bare if key not in after.dropped}
    goes = {s.key for s in loose(segments, insists) if s.key >= start and s.key not in after.dropped}
    return replace(after, bare=frozenset(stays | goes))


def lightened(segments: Sequence[Segment], insists: bool) -> Sequence[Segment]:
    """Return `segments` at the sizes that they have after a change at their beginning."""
    goes = {s.key for s in loose(segments, insists)}
    if not goes:
        return segments
    return [replace(s, tokens=s.tokens - s.thought) if s.key in goes else s for s in segments]


def loose(segments: Sequence[Segment], insists: bool) -> list[Segment]:
    """Return the segments whose reasoning a change ahead of them takes out."""
    thinking = [s for s in segments if s.thought]
    if not thinking:
        return []
    opened = max((s.key[0] for s in segments if s.role == "user"), default=-1)
    return [s for s in thinking if (s.bound and not insists) or s.key[0] < opened]


def first_change(before: PruneState, after: PruneState) -> Key | None:
    """Return the key from which on two prompts of one history differ, None where they do not."""
    changed = set(before.dropped ^ after.dropped)
    turns = before.recalled.keys() | after.recalled.keys()
    moved = [turn for turn in turns if before.recalled.get(turn, ()) != after.recalled.get(turn, ())]
    changed.update((turn, -1, -1) for turn in moved)
    return min(changed) if changed else None
