"""The whole decision, from a history and a budget to a verdict for every segment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from foveate.policies.policy import Policy
from foveate.policies.reasoning import from_first_over, lightened, loose
from foveate.policies.recall import EXCERPT_OVERHEAD, FRAME_OVERHEAD
from foveate.policies.seams import MARK_TOKENS, marks, neighbours
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
SEAMS = 4  # times that a selection is made smaller, to make room for what mends its seams
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
    turns: bool = False  # whoever reads what is left may insist that user and assistant take turns

    def plan(self) -> Plan:
        """Return what has to be done."""
        if self.settled:
            return "sticky" if self.state.dropped else "untouched"
        if self.early is not None or self.is_over():
            return "cut"
        if not self.state.dropped:
            return "untouched"
        turn = latest_turn(self.segments)
        unjudged = turn >= 0 and turn not in self.state.recalled
        return "recall" if unjudged and self.policy.recall.wanted(self.query) else "sticky"

    def is_over(self) -> bool:
        """Say whether the history as it stands takes more than it may, the marks at its seams included."""
        size, high, dropped = self.prompt(), self.budget.high, self.state.dropped
        if size > high or not self.turns or not dropped:
            return size > high
        most = size + MARK_TOKENS * len(self.segments)  # which is far below it, mostly
        return most > high and self.size() > high

    def size(self) -> int:
        """Return the tokens of the history as it stands."""
        dropped = self.state.dropped
        return self.prompt() + (MARK_TOKENS * marks(self.segments, dropped) if self.turns and dropped else 0)

    def prompt(self) -> int:
        """Return the tokens of the history as it stands, less the marks at its seams."""
        dropped, quoted, bare = self.state.dropped, self.state.quoted, self.state.bare
        size = sum([s.tokens for s in self.segments if s.key not in dropped]) if dropped else self.tokens
        if quoted:
            frames = sum([bool(keys) for keys in self.state.recalled.values()])
            size += sum([s.tokens for s in self.segments if s.key in quoted])
            size += EXCERPT_OVERHEAD * len(quoted) + FRAME_OVERHEAD * frames
        if bare:
            size -= sum([s.thought for s in self.segments if s.key in bare])
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
        return recall(history, situation)
    light = lightened(history.segments, situation.insists)
    low = situation.budget.low if situation.early is None else situation.early
    chosen = cut(replace(history, segments=light), situation.policy, low, situation.summed_up, situation.turns)
    return replace(chosen, state=replace(chosen.state, bare=surplus(situation, chosen)))


def surplus(situation: Situation, chosen: Selection) -> frozenset[Key]:
    """Return the segments whose reasoning a cut takes out though nothing ahead of it has changed: there is no room.

    Segments are chosen as if all that is loose went. Ahead of the first change it stays as far as it fits, oldest
    first: halfway up to `high`, so that it neither costs the cached prefix nor brings the next cut at once.
    """
    dropped, before = chosen.state.dropped, situation.state
    kept = [s for s in loose(situation.segments, situation.insists) if s.key not in dropped]
    changed = min(dropped ^ before.dropped, default=None)
    ahead = [s for s in kept if s.key not in before.bare and (changed is None or s.key < changed)]
    budget = situation.budget
    most = (budget.low + budget.high) // 2 if situation.early is None else situation.early
    start = from_first_over(ahead, most - sum([s.tokens for s in chosen.segments if s.key not in dropped]))
    return frozenset([s.key for s in kept if start is not None and s.key >= start])


def cut(history: History, policy: Policy, low: int, summed_up: int = 0, turns: bool = False) -> Selection:
    """Decide afresh which segments fill `low` tokens; none of the first `summed_up` items that may go.

    With `turns` what is left begins as the history does, and user and assistant take turns where they did.
    """
    spent = spent_of(history.segments, summed_up)
    history = replace(history, segments=pinned(history.segments, policy, low, spent))
    room = low - sum(s.tokens for s in history.segments if s.pin)
    rows, competing = candidates(history, spent)
    shares, scores = judge(history, rows, competing, policy)
    fixed = frozenset([i for i, s in enumerate(history.segments) if s.pin])
    closed = [i for i, s in enumerate(history.segments) if s.key in spent]
    for _ in range(SEAMS):
        chosen, below = policy.select(competing, scores[rows], max(0, room))
        kept = fixed | {rows[i] for i in chosen}
        if not turns:
            break
        kept |= frozenset(neighbours(history.segments, kept, closed))
        over = size_of(history.segments, kept) - low
        if over <= 0 or room <= 0:
            break
        room -= over
    state = PruneState(
        dropped=frozenset(s.key for i, s in enumerate(history.segments) if i not in kept),
        recalled={latest_turn(history.segments): ()},
    )
    gone = frozenset(competing.segments[i].key for i in below)
    return Selection(history.segments, state, True, scores, shares, gone)


def size_of(segments: Sequence[Segment], kept: frozenset[int]) -> int:
    """Return the tokens of what is kept, with the marks at its seams."""
    dropped = frozenset([s.key for i, s in enumerate(segments) if i not in kept])
    return sum([segments[i].tokens for i in kept]) + MARK_TOKENS * marks(segments, dropped)


def recall(history: History, situation: Situation) -> Selection:
    """Let earlier decisions stand, and quote what the latest turn needs of the dropped, within `high`."""
    policy, high, state = situation.policy, situation.budget.high, situation.state
    shares, scores = judge(history, *candidates(history), policy)
    chosen = policy.recall.choose(history, scores, absent(history.segments, state), high, high - situation.size())
    quoted = {latest_turn(history.segments): tuple(history.segments[i].key for i in chosen)}
    state = replace(state, recalled={**state.recalled, **quoted})
    return Selection(history.segments, state, False, scores, shares)


def absent(segments: Sequence[Segment], state: PruneState) -> list[int]:
    """Return positions of the dropped segments that the prompt says nowhere; of equal ones the newest."""
    quoted = state.quoted
    present = {s.id for s in segments if s.key not in state.dropped or s.key in quoted}
    return list({s.id: i for i, s in enumerate(segments) if s.id not in present}.values())


def spent_of(segments: Sequence[Segment], summed_up: int) -> set[Key]:
    """Return the keys of what a later summary stands for, of the first `summed_up` items.

    Not of what the user has said: clients put the words that are to outlast a summary ahead of it.
    """
    told = [s for s in segments if s.key[0] < summed_up]
    return {s.key for s in told if s.pin == SUMMARY or not (s.pin or s.role == "user" or s.role in INSTRUCTIONS)}


def pinned(segments: Sequence[Segment], policy: Policy, low: int, spent: Collection[Key]) -> tuple[Segment, ...]:
    """Return `segments` with the reason set on each that is pinned; none of the `spent` is."""
    if not spent:
        return policy.pins.apply(segments, low)
    rest = iter(policy.pins.apply([s for s in segments if s.key not in spent], low))
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
