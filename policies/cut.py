"""A cut: what stays of a history, decided afresh for a room."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foveate.policies.flow.shape import shape_of
from foveate.policies.policy import Policy
from foveate.policies.results.cutting import (
    MARK,
    Divided,
    bare_tokens,
    cut_pieces,
    divided_of,
    favour_of,
    judged_tokens,
    lots_of,
    whole_at_end,
)
from foveate.policies.results.instead import Reader
from foveate.policies.results.needing import need_of
from foveate.policies.seams import MARK_TOKENS, marks, neighbours
from foveate.policies.signals.directive import laid_down
from foveate.policies.types import (
    INSTRUCTIONS,
    SUMMARY,
    History,
    Key,
    PruneState,
    Scores,
    Segment,
    Selection,
    Shown,
)

SEAMS = 6  # times that a selection is made smaller, ever faster, to make room for what mends its seams


@dataclass(frozen=True, slots=True)
class Terms:
    """What a cut has to keep to."""

    low: int  # tokens of the history
    summed_up: int = 0  # items, from the first on, that a later one stands for: they go first
    # What is left begins as the history does, and user and assistant take turns where they did
    turns: bool = False
    reader: Reader | None = None  # what reads results, whose pieces then compete for themselves


def cut(history: History, policy: Policy, terms: Terms) -> Selection:
    """Decide afresh which segments fill the room, and what of their results."""
    spent = spent_of(history.segments, terms.summed_up)
    divided = divided_of(history.segments, policy.results, terms.low)
    if terms.reader is not None and any(history.segments[i].key not in spent for i in divided):
        return cut_inside(history, policy, terms, divided)
    history = replace(history, segments=pinned(history, policy, terms.low, spent))
    room = terms.low - sum(s.tokens for s in history.segments if s.pin)
    rows, competing = candidates(history, spent)
    shares, scores = judge(history, rows, competing, policy)
    fixed = frozenset([i for i, s in enumerate(history.segments) if s.pin])
    for attempt in range(SEAMS):
        chosen, below = policy.select(competing, scores[rows], max(0, room))
        kept, over = _mended(history.segments, fixed | {rows[i] for i in chosen}, spent, terms, {})
        if over <= 0 or room <= 0:
            break
        room -= over << attempt
    gone = frozenset(competing.segments[i].key for i in below)
    return Selection(history.segments, state_of(history.segments, kept, {}), True, scores, shares, gone)


def cut_inside(history: History, policy: Policy, terms: Terms, divided: Divided) -> Selection:
    """Decide afresh what fills the room, the pieces of results each by itself.

    What is pinned for its place stays with its calls; how much of its results stays is for their pieces
    to decide.
    """
    assert terms.reader is not None
    spent = spent_of(history.segments, terms.summed_up)
    history = replace(history, segments=pinned_inside(history, policy, terms.low, spent, divided))
    segments = history.segments
    room = terms.low - sum(
        [bare_tokens(s, divided.get(i, ())) for i, s in enumerate(segments) if s.pin]
    )
    last = len(segments) - 1
    if last in divided:
        whole = whole_at_end(divided[last], room)
        room -= sum([r.tokens for r in divided[last] if r.key in whole])
        divided = {**divided, last: tuple([r for r in divided[last] if r.key not in whole])}
    rows, competing = candidates(history, spent)
    shares, scores = judge(history, rows, competing, policy)
    favoured = favoured_by(policy, rows, competing, scores[rows], divided, room)
    lots = lots_of(segments, divided, favoured, terms.reader)
    need = need_of(segments, history.query_text, terms.reader)
    fixed = frozenset([i for i, s in enumerate(segments) if s.pin])
    for attempt in range(SEAMS):
        found = cut_pieces(lots, max(0, room), need, policy.results, terms.reader)
        kept, over = _mended(segments, fixed | found.kept, spent, terms, found.shown)
        if over <= 0 or room <= 0:
            break
        room -= over << attempt
    return Selection(segments, state_of(segments, kept, found.shown), True, scores, shares)


def favoured_by(
    policy: Policy, rows: Sequence[int], competing: History, scores: Scores, divided: Divided, room: int
) -> dict[int, float]:
    """Return how much the pieces of each competing segment count, by its position: more where the
    policy keeps it.
    """
    share = room / max(1, sum([s.tokens for s in competing.segments if not s.pin]))
    judged = [
        judged_tokens(s, divided.get(i, ()), share)
        for i, s in zip(rows, competing.segments, strict=True)
    ]
    thin = [
        s if s.tokens == tokens else replace(s, tokens=tokens)
        for s, tokens in zip(competing.segments, judged, strict=True)
    ]
    chosen, _ = policy.select(replace(competing, segments=thin), scores, max(0, room))
    favour = favour_of(policy.results.favour, competing.once(shape_of).tool_share)
    return {i: favour if n in chosen else 1.0 for n, i in enumerate(rows)}


def pinned_inside(
    history: History, policy: Policy, low: int, spent: Collection[Key], divided: Divided
) -> tuple[Segment, ...]:
    """Return `segments` with the reason set on each that is pinned, where a mark may stand for every
    divided result.
    """
    segments = history.segments
    marked = [
        replace(s, tokens=bare_tokens(s, divided[i]) + MARK * len(divided[i])) if i in divided else s
        for i, s in enumerate(segments)
    ]
    pins = pinned(replace(history, segments=marked), policy, low, spent, inside=True)
    return tuple(
        [s if s.pin == p.pin else replace(s, pin=p.pin) for s, p in zip(segments, pins, strict=True)]
    )


def _mended(
    segments: Sequence[Segment],
    kept: frozenset[int],
    spent: Collection[Key],
    terms: Terms,
    shown: Mapping[Key, Shown],
) -> tuple[frozenset[int], int]:
    """Return what is kept with what mends its order of turns, and the tokens that it takes beyond the
    room.
    """
    if not terms.turns:
        return kept, 0
    closed = [i for i, s in enumerate(segments) if s.key in spent]
    kept |= frozenset(neighbours(segments, kept, closed))
    saved = PruneState(shown=shown).saved([segments[i] for i in kept])
    return kept, size_of(segments, kept) - saved - terms.low


def state_of(
    segments: Sequence[Segment], kept: frozenset[int], shown: Mapping[Key, Shown]
) -> PruneState:
    """Return the state in which that is kept."""
    dropped = frozenset([s.key for i, s in enumerate(segments) if i not in kept])
    return PruneState(dropped, {latest_turn(segments): ()}, shown=shown)


def size_of(segments: Sequence[Segment], kept: frozenset[int]) -> int:
    """Return the tokens of what is kept, with the marks at its seams."""
    dropped = frozenset([s.key for i, s in enumerate(segments) if i not in kept])
    return sum([segments[i].tokens for i in kept]) + MARK_TOKENS * marks(segments, dropped)


def spent_of(segments: Sequence[Segment], summed_up: int) -> set[Key]:
    """Return the keys of what a later summary stands for, of the first `summed_up` items.

    Not of what the user has said: clients put the words that are to outlast a summary ahead of it.
    """
    told = [s for s in segments if s.key[0] < summed_up]
    return {
        s.key
        for s in told
        if s.pin == SUMMARY or not (s.pin or s.role == "user" or s.role in INSTRUCTIONS)
    }


def pinned(
    history: History, policy: Policy, low: int, spent: Collection[Key], inside: bool = False
) -> tuple[Segment, ...]:
    """Return the segments with the reason set on each that is pinned; none of the `spent` is."""
    segments = history.segments
    at_work = policy.pins.standing > 0 and any(s.kind == "tool" for s in segments)
    said = laid_down(history) if at_work else []
    if not spent:
        return policy.pins.apply(segments, low, inside, said)
    rest = iter(policy.pins.apply([s for s in segments if s.key not in spent], low, inside, said))
    return tuple([replace(s, pin="") if s.key in spent else next(rest) for s in segments])


def candidates(history: History, spent: Collection[Key] = ()) -> tuple[list[int], History]:
    """Return the positions of what competes, and the history of those segments alone.

    Instructions, the latest turn itself and what is `spent` do not, and no candidate is measured by
    them.
    """
    latest = latest_turn(history.segments)
    rows = [
        i
        for i, s in enumerate(history.segments)
        if s.role not in INSTRUCTIONS and s.key[0] != latest and s.key not in spent
    ]
    competing = replace(
        history,
        segments=[history.segments[i] for i in rows],
        features=[history.features[i] for i in rows],
        vectors=history.vectors[span(rows)],
        age_hours=history.age_hours[rows],
        recalls=history.recalls[rows],
        likeness=None if history.likeness is None else history.likeness[rows],
    )
    return rows, competing


def judge(
    history: History, rows: Sequence[int], competing: History, policy: Policy
) -> tuple[Mapping[str, Scores], Scores]:
    """Return each signal's share of the score of each segment, and the scores: 0 for what does not
    compete.
    """
    n = len(history.segments)
    shares = {}
    for name, share in policy.shares(competing).items():
        shares[name] = np.zeros(n)
        shares[name][rows] = share
    return shares, np.zeros(n) + sum(shares.values())


def span(rows: Sequence[int]) -> slice | Sequence[int]:
    """Return ascending positions as a slice where they are one run: such rows of an array need no copy."""
    run = rows and rows[-1] - rows[0] + 1 == len(rows)
    return slice(rows[0], rows[-1] + 1) if run else rows


def latest_turn(segments: Sequence[Segment]) -> int:
    """Return the position of the latest user message, -1 where no user has spoken."""
    return next((s.key[0] for s in reversed(segments) if s.role == "user"), -1)
