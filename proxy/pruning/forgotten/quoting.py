"""Which kept segments a turn is told, and the request that quotes them; nothing is asked for here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from foveate.policies.cut import candidates, judge, latest_turn
from foveate.policies.policy import Policy
from foveate.policies.recall import EXCERPT_OVERHEAD, FRAME_OVERHEAD, Turn
from foveate.policies.types import INSTRUCTIONS, History, Segment
from foveate.proxy.archive import Passage, Trail
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.pruning.record import Recollection
from foveate.proxy.pruning.request import Request

Quotes = Mapping[int, tuple[Segment, ...]]  # by the position of the user's item that they are quoted at


def standing_quotes(
    parsed: Parsed, turns: Sequence[int], found: Passage, earlier: Recollection | None
) -> Quotes:
    """Return what earlier requests have quoted: at what the conversation's previous prompt had them at,
    and at the latest turn where that is new or the last word. Of any other prompt nothing is cached.
    Where that was stored by a version that noted no quotations, at all turns of that prompt.
    """
    known = earlier.items if earlier else 0
    unknown = earlier is not None and not earlier.opening
    hold = {i for i in turns if earlier and i < known and (unknown or i in earlier.quoting)}
    hold |= {i for i in turns[-1:] if i >= known or i == len(parsed.items) - 1}
    return {i: found.quotes.get(parsed.items[i].id, ()) for i in sorted(hold)}


def some(quotes: Quotes) -> Quotes:
    """Return the quotes less those that say nothing."""
    return {i: said for i, said in quotes.items() if said}


def placed(pool: Sequence[Segment]) -> list[Segment]:
    """Return segments as they stand ahead of a request's own."""
    turns = sum([s.role == "user" for s in pool])
    before = -turns
    found = []
    for i, segment in enumerate(pool):
        before += segment.role == "user"
        found.append(replace(segment, key=(i - len(pool), 0, -1), turn=before))
    return found


def choose(
    history: History, policy: Policy, absent: Collection[int], turn: Turn, room: float
) -> tuple[int, ...]:
    """Return the positions of the absent that the latest turn needs, oldest first, within `room` tokens."""
    assert latest_turn(history.segments) >= 0
    _, scores = judge(history, *candidates(history), policy)
    return policy.recall.choose(history, scores, absent, turn, room)


def quoting(parsed: Parsed, quotes: Quotes) -> Parsed:
    """Return a request whose user's items quote what it does not carry; they take that many tokens
    more.
    """
    if not quotes:
        return parsed
    more = {
        i: FRAME_OVERHEAD + sum([s.tokens + EXCERPT_OVERHEAD for s in said])
        for i, said in quotes.items()
    }
    last = {s.key[0]: s.key for s in parsed.segments}  # the last of an item's segments
    owners = {last[i]: size for i, size in more.items() if i in last}
    return structs.replace(
        parsed,
        items=[
            structs.replace(item, tokens=item.tokens + more[i]) if i in more else item
            for i, item in enumerate(parsed.items)
        ],
        segments=tuple(
            [
                replace(s, tokens=s.tokens + owners[s.key]) if s.key in owners else s
                for s in parsed.segments
            ]
        ),
        tokens=parsed.tokens + sum(more.values()),
        forgotten=quotes,
        forgotten_tokens=sum(more.values()),
    )


def trail_of(request: Request, parsed: Parsed) -> Trail:
    """Return how a request's conversation is found again."""
    said = [item.id for item in parsed.items if item.blocks[0].role not in INSTRUCTIONS]
    return Trail(request.overrides.session or "", parsed.links, said)
