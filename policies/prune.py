"""The whole decision, from a history and a budget to a verdict for every segment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from foveate.policies.flow.shape import shape_of
from foveate.policies.policy import Policy
from foveate.policies.reasoning import lightened
from foveate.policies.recall import EXCERPT_OVERHEAD, FRAME_OVERHEAD
from foveate.policies.results.cutting import (
    MARK,
    bare_tokens,
    cut_pieces,
    dividable,
    favour_of,
    judged_tokens,
    lots_of,
    whole_at_end,
)
from foveate.policies.results.instead import Reader
from foveate.policies.results.needing import need_of
from foveate.policies.types import (
    INSTRUCTIONS,
    SUMMARY,
    Budget,
    History,
    Key,
    PruneState,
    Scores,
    Segment,
    Selection,
)

Plan = Literal["untouched", "sticky", "recall", "cut"]
SCORED = frozenset({"recall", "cut"})  # plans that need to know what the segments are worth


@dataclass(frozen=True, slots=True)
class Situation:
    """What is to be decided: a history, the turn that it is judged by, and what holds for it.

    `budget` is what the prompt has for the history, and `state` what earlier requests of the conversation decided.
    """

    segments: Sequence[Segment]  # oldest first
    query: str  # the latest user turn
    tokens: int  # of the whole history, less than its parts' together
    policy: Policy
    budget: Budget
    state: PruneState = PruneState()
    insists: bool = False  # the reasoning of an open tool loop has to stay
    early: int | None = None  # tokens to cut to though the budget does not ask for it
    settled: bool = False  # what was decided holds, and nothing new is decided
    summed_up: int = 0  # items, from the first on, that a later one stands for: they go first
    reader: Reader | None = None  # what reads results; without one each stays or goes as a whole

    def plan(self) -> Plan:
        """Return what has to be done."""
        if self.settled:
            return "sticky" if self.state.changes else "untouched"
        if self.early is not None or self.prompt() > self.budget.high:
            return "cut"
        if not self.state.dropped:
            return "sticky" if self.state.changes else "untouched"
        turn = latest_turn(self.segments)
        unjudged = turn >= 0 and turn not in self.state.recalled
        return "recall" if unjudged and self.policy.recall.wanted(self.query) else "sticky"

    def prompt(self) -> int:
        """Return the tokens of the history as it stands."""
        dropped, quoted, bare = self.state.dropped, self.state.quoted, self.state.bare
        size = sum([s.tokens for s in self.segments if s.key not in dropped]) if dropped else self.tokens
        if quoted:
            frames = sum([bool(keys) for keys in self.state.recalled.values()])
            size += sum([s.tokens for s in self.segments if s.key in quoted])
            size += EXCERPT_OVERHEAD * len(quoted) + FRAME_OVERHEAD * frames
        if bare:
            size -= sum([s.thought for s in self.segments if s.key in bare])
        if self.state.shown:
            size -= self.state.saved([s for s in self.segments if s.key not in dropped])
        return size


def prune(situation: Situation, history: History | None = None) -> Selection:
    """Return a verdict for every segment; `history` is needed for the plans that are scored.

    Over `high` it cuts to `low`: pinned segments stay even where they alone take more, and everything else goes then.
    Under it earlier decisions stand, and what the latest turn needs of the dropped is recalled.
    """
    plan = situation.plan()
    if history is None or plan not in SCORED:
        return Selection(situation.segments, situation.state, False)
    if plan == "recall":
        return recall(history, situation.policy, situation.budget.high, situation.state)
    light = lightened(history.segments, situation.insists)
    low = situation.budget.low if situation.early is None else situation.early
    light_history = replace(history, segments=light)
    return cut(light_history, situation.policy, low, situation.summed_up, situation.reader)


def cut(history: History, policy: Policy, low: int, summed_up: int = 0, reader: Reader | None = None) -> Selection:
    """Decide afresh which segments fill `low` tokens; none of the first `summed_up` items that may go.

    With a `reader` the pieces of long results compete for themselves.
    """
    spent = {s.key for s in history.segments if s.key[0] < summed_up and s.pin in ("", SUMMARY)}
    spent -= {s.key for s in history.segments if s.role in INSTRUCTIONS and s.pin != SUMMARY}
    divided = {i: parts for i, s in enumerate(history.segments) if (parts := dividable(s, policy.results))}
    if reader is not None and any(history.segments[i].key not in spent for i in divided):
        return cut_inside(history, policy, low, spent, reader)
    history = replace(history, segments=pinned(history.segments, policy, low, spent))
    room = low - sum(s.tokens for s in history.segments if s.pin)
    rows, competing = candidates(history, spent)
    shares, scores = judge(history, rows, competing, policy)
    chosen, below = policy.select(competing, scores[rows], max(0, room))
    kept = {rows[i] for i in chosen} | {i for i, s in enumerate(history.segments) if s.pin}
    state = PruneState(
        dropped=frozenset(s.key for i, s in enumerate(history.segments) if i not in kept),
        recalled={latest_turn(history.segments): ()},
    )
    gone = frozenset(competing.segments[i].key for i in below)
    return Selection(history.segments, state, True, scores, shares, gone)


def cut_inside(history: History, policy: Policy, low: int, spent: Collection[Key], reader: Reader) -> Selection:
    """Decide afresh what fills `low` tokens, the pieces of results each by itself.

    What is pinned for its place stays with its calls; how much of its results stays is for their pieces to decide.
    """
    divided = {i: parts for i, s in enumerate(history.segments) if (parts := dividable(s, policy.results))}
    marked = [
        replace(s, tokens=bare_tokens(s, divided[i]) + MARK * len(divided[i])) if i in divided else s
        for i, s in enumerate(history.segments)
    ]
    pins = [s.pin for s in pinned(marked, policy, low, spent, inside=True)]
    segments = [replace(s, pin=pin) for s, pin in zip(history.segments, pins, strict=True)]
    history = replace(history, segments=segments)
    room = low - sum([bare_tokens(s, divided.get(i, ())) for i, s in enumerate(segments) if s.pin])
    last = len(segments) - 1
    if last in divided:
        whole = whole_at_end(divided[last], room)
        room -= sum([r.tokens for r in divided[last] if r.key in whole])
        divided[last] = tuple([r for r in divided[last] if r.key not in whole])
    rows, competing = candidates(history, spent)
    shares, scores = judge(history, rows, competing, policy)
    thin = [
        replace(s, tokens=judged_tokens(s, divided.get(i, ()))) for i, s in zip(rows, competing.segments, strict=True)
    ]
    chosen, _ = policy.select(replace(competing, segments=thin), scores[rows], max(0, room))
    favour = favour_of(policy.results.favour, competing.once(shape_of).tool_share)
    priors = {i: favour if n in chosen else 1.0 for n, i in enumerate(rows)}
    lots = lots_of(segments, divided, priors, reader)
    need = need_of(segments, history.query_text, reader)
    found = cut_pieces(lots, max(0, room), need, policy.results, reader)
    kept = found.kept | {i for i, s in enumerate(segments) if s.pin}
    state = PruneState(
        dropped=frozenset([s.key for i, s in enumerate(segments) if i not in kept]),
        recalled={latest_turn(segments): ()},
        shown=found.shown,
    )
    return Selection(segments, state, True, scores, shares)


def recall(history: History, policy: Policy, high: int, state: PruneState) -> Selection:
    """Let earlier decisions stand, and quote what the latest turn needs of the dropped."""
    shares, scores = judge(history, *candidates(history), policy)
    chosen = policy.recall.choose(history, scores, absent(history.segments, state), high)
    quoted = {latest_turn(history.segments): tuple(history.segments[i].key for i in chosen)}
    state = replace(state, recalled={**state.recalled, **quoted})
    return Selection(history.segments, state, False, scores, shares)


def absent(segments: Sequence[Segment], state: PruneState) -> list[int]:
    """Return positions of the dropped segments that the prompt says nowhere; of equal ones the newest."""
    quoted = state.quoted
    present = {s.id for s in segments if s.key not in state.dropped or s.key in quoted}
    return list({s.id: i for i, s in enumerate(segments) if s.id not in present}.values())


def pinned(
    segments: Sequence[Segment], policy: Policy, low: int, spent: Collection[Key], inside: bool = False
) -> tuple[Segment, ...]:
    """Return `segments` with the reason set on each that is pinned; none of the `spent` is."""
    if not spent:
        return policy.pins.apply(segments, low, inside)
    rest = iter(policy.pins.apply([s for s in segments if s.key not in spent], low, inside))
    return tuple([replace(s, pin="") if s.key in spent else next(rest) for s in segments])


def candidates(history: History, spent: Collection[Key] = ()) -> tuple[list[int], History]:
    """Return the positions of what competes, and the history of those segments alone.

    Instructions, the latest turn itself and what is `spent` do not, and no candidate is measured by them.
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
    )
    return rows, competing


def judge(
    history: History, rows: Sequence[int], competing: History, policy: Policy
) -> tuple[Mapping[str, Scores], Scores]:
    """Return each signal's share of the score of each segment, and the scores: 0 for what does not compete."""
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
