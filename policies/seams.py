"""Where what is left of a history would break its order of turns: the user first, then each in turn.

Chat templates of self-hosted models (Mistral's, Gemma's) and some hosted APIs refuse a history that
begins with the assistant or has one role twice in a row, and Gemini one where a call does not follow
the user or a result.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from foveate.policies.types import INSTRUCTIONS, Key, Segment

# Kinds of turns; work is calls and their results
USER, ANSWER, WORK, OTHER = "user", "assistant", "work", "other"
MARK_TOKENS = 6  # of the message that stands at a seam in place of what is missing there
SHORT = 16  # tokens of a neighbour that is kept rather than marked
KINDS = {"user": USER, "assistant": ANSWER, "tool": WORK, "function": WORK}


class Seam(NamedTuple):
    """A place where a turn is missing: between two turns that are left, the first of them -1 at the
    beginning.
    """

    after: int
    before: int
    kind: str  # of the turn that is missing


class Turns(NamedTuple):
    """The turns of a history, oldest first, instructions aside: of what kind each is, and which
    segments it has.
    """

    kinds: list[str]
    places: list[list[int]]


def seams(kinds: Sequence[str], kept: Sequence[bool]) -> list[Seam]:
    """Return the seams of a history of which some turns are kept, as far as its own turns are in order.

    From where the history itself breaks the order nobody has insisted on it. As a history grows at its
    end, what is found of its beginning stays the same.
    """
    found: list[Seam] = []
    last = spoken = ""  # who has spoken last, of what is left and of the whole history
    at = -1
    missing: set[str] = set()  # kinds that were dropped since
    for i, kind in enumerate(kinds):
        if not follows(kind, spoken):
            break
        spoken = spoken if kind == WORK else kind
        if not kept[i]:
            missing.add(kind)
            continue
        wanted = ANSWER if kind == USER else USER
        if not follows(kind, last) and wanted in missing:
            found.append(Seam(at, i, wanted))
            last = wanted
        last = last if kind == WORK else kind
        at = i
        missing.clear()
    return found


def follows(kind: str, spoken: str) -> bool:
    """Say whether a turn may follow, given who has spoken last: nobody, where that is empty."""
    if kind == USER:
        return spoken != USER
    return kind in (ANSWER, WORK) and spoken == USER


def turns_of(segments: Sequence[Segment]) -> Turns:
    """Return the turns of a history; the parts of a message are one."""
    turns = Turns([], [])
    message: tuple[int, int] | None = None
    for i, segment in enumerate(segments):
        if segment.role in INSTRUCTIONS:
            continue
        item, block, _ = segment.key
        if (item, block) == message:
            turns.places[-1].append(i)
            continue
        message = item, block
        work = segment.kind == "tool" and segment.role != "user"
        turns.kinds.append(WORK if work else KINDS.get(segment.role, OTHER))
        turns.places.append([i])
    return turns


def marks(segments: Sequence[Segment], dropped: Collection[Key]) -> int:
    """Return how many seams a history has less what was dropped."""
    turns = turns_of(segments)
    return len(
        seams(
            turns.kinds,
            [any(segments[i].key not in dropped for i in places) for places in turns.places],
        )
    )


def neighbours(
    segments: Sequence[Segment], kept: AbstractSet[int], closed: Collection[int]
) -> list[int]:
    """Return the positions of short segments that mend seams where they are kept beside `kept`; none is
    `closed`.
    """
    turns = turns_of(segments)
    found = []
    for seam in seams(turns.kinds, [not kept.isdisjoint(places) for places in turns.places]):
        gap = range(seam.after + 1, seam.before)
        missing = [turns.places[i] for i in gap if turns.kinds[i] == seam.kind]
        whole = [places[0] for places in missing if len(places) == 1 and places[0] not in closed]
        shortest = min(whole, key=lambda i: segments[i].tokens, default=None)
        if shortest is not None and segments[shortest].tokens <= SHORT:
            found.append(shortest)
    return found
