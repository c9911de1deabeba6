"""The whole decision, from a history and a budget to a verdict for every segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from foveate.policies.cut import Terms, candidates, cut, judge, latest_turn
from foveate.policies.policy import Policy
from foveate.policies.reasoning import from_first_over, lightened, loose
from foveate.policies.recall import EXCERPT_OVERHEAD, FRAME_OVERHEAD, Turn
from foveate.policies.results.instead import Reader
from foveate.policies.results.recalling import extracts_for, wish_of
from foveate.policies.seams import MARK_TOKENS, marks
from foveate.policies.types import Budget, History, Key, PruneState, Segment, Selection

Plan = Literal["untouched", "sticky", "recall", "cut"]
SCORED = frozenset({"recall", "cut"})  # plans that need to know what the segments are worth


@dataclass(frozen=True, slots=True)
class Situation:
    """What is to be decided: a history, the turn that it is judged by, and what holds for it.

    `budget` is what the prompt has for the history, and `state` what earlier requests of the
    conversation decided.
    """

    segments: Sequence[Segment]  # oldest first
    turn: Turn  # the latest of the user's
    tokens: int  # of the whole history, less than its parts' together
    policy: Policy
    budget: Budget
    state: PruneState = PruneState()
    insists: bool = False  # the reasoning of an open tool loop has to stay
    early: int | None = None  # tokens to cut to though the budget does not ask for it
    settled: bool = False  # what was decided holds, and nothing new is decided
    summed_up: int = 0  # items, from the first on, that a later one stands for: they go first
    turns: bool = False  # whoever reads what is left may insist that user and assistant take turns
    reader: Reader | None = None  # what reads results; without one each stays or goes as a whole
    # The newest item, where no model has read it and it can carry excerpts: a result, or the user's turn
    carrier: int | None = None

    def plan(self) -> Plan:
        """Return what has to be done."""
        if self.settled:
            return "sticky" if self.state.changes else "untouched"
        if self.early is not None or self.is_over():
            return "cut"
        if not self.state.dropped:
            return "sticky" if self.state.changes else "untouched"
        turn = latest_turn(self.segments)
        unjudged = turn >= 0 and turn not in self.state.recalled
        return "recall" if unjudged and self.policy.recall.wanted(self.turn) else "sticky"

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
        return self.prompt() + (
            MARK_TOKENS * marks(self.segments, dropped) if self.turns and dropped else 0
        )

    def prompt(self) -> int:
        """Return the tokens of the history as it stands, less the marks at its seams."""
        dropped, quoted, bare = self.state.dropped, self.state.quoted, self.state.bare
        size = (
            sum([s.tokens for s in self.segments if s.key not in dropped]) if dropped else self.tokens
        )
        if quoted or self.state.extracts:
            framed = {item for item, keys in self.state.recalled.items() if keys}
            framed |= self.state.extracts.keys()
            size += sum([s.tokens for s in self.segments if s.key in quoted])
            size += EXCERPT_OVERHEAD * len(quoted) + FRAME_OVERHEAD * len(framed)
            size += sum([extract.tokens for extract in self.state.extracted])
        if bare:
            size -= sum([s.thought for s in self.segments if s.key in bare])
        if self.state.shown:
            size -= self.state.saved([s for s in self.segments if s.key not in dropped])
        return size


def selection_of(situation: Situation, history: History | None = None) -> Selection:
    """Return a verdict for every segment; `history` is needed for the plans that are scored.

    Over `high` it cuts to `low`: pinned segments stay even where they alone take more, and everything
    else goes then. Under it earlier decisions stand, and what the latest turn needs of the dropped is
    recalled.
    """
    plan = situation.plan()
    if history is None or plan not in SCORED:
        return Selection(situation.segments, extracted(situation), False)
    if plan == "recall":
        return recall(history, situation)
    light = lightened(history.segments, situation.insists)
    low = situation.budget.low if situation.early is None else situation.early
    terms = Terms(low, situation.summed_up, situation.turns, situation.reader)
    chosen = cut(replace(history, segments=light), situation.policy, terms)
    return replace(chosen, state=replace(chosen.state, bare=surplus(situation, chosen)))


def surplus(situation: Situation, chosen: Selection) -> frozenset[Key]:
    """Return the segments whose reasoning a cut takes out though nothing ahead of it has changed: there
    is no room.

    Segments are chosen as if all that is loose went. Ahead of the first change it stays as far as it
    fits, oldest first: halfway up to `high`, so that it neither costs the cached prefix nor brings the
    next cut at once.
    """
    dropped, before = chosen.state.dropped, situation.state
    kept = [s for s in loose(situation.segments, situation.insists) if s.key not in dropped]
    changed = min(dropped ^ before.dropped, default=None)
    ahead = [s for s in kept if s.key not in before.bare and (changed is None or s.key < changed)]
    budget = situation.budget
    early, most = situation.early, (budget.low + budget.high) // 2
    if early is not None and early < budget.low:  # a cut for money
        most = early
    stays = [s for s in chosen.segments if s.key not in dropped]
    start = from_first_over(ahead, most - sum([s.tokens for s in stays]) + chosen.state.saved(stays))
    return frozenset([s.key for s in kept if start is not None and s.key >= start])


def recall(history: History, situation: Situation) -> Selection:
    """Let earlier decisions stand, and quote what the latest turn needs, within `high`."""
    policy, high, state = situation.policy, situation.budget.high, situation.state
    shares, scores = judge(history, *candidates(history), policy)
    room = policy.recall.room(situation.turn, high, high - situation.size())
    dropped = absent(history.segments, state)
    chosen = policy.recall.choose(history, scores, dropped, situation.turn, room)
    quoted = {latest_turn(history.segments): tuple(history.segments[i].key for i in chosen)}
    state = replace(state, recalled={**state.recalled, **quoted})
    left = sum([history.segments[i].tokens + EXCERPT_OVERHEAD for i in chosen])
    state = extracted(replace(situation, state=state), left)
    return Selection(history.segments, state, False, scores, shares)


def extracted(situation: Situation, spent: int = 0) -> PruneState:
    """Return what holds, and what the newest item has to quote of results that are not whole.

    Recall's allowance is an item's, less what whole segments have `spent` of it already.
    """
    state, item, reader = situation.state, situation.carrier, situation.reader
    policy = situation.policy.recall
    if item is None or reader is None or situation.settled or not policy.enabled or not state.changes:
        return state
    high = situation.budget.high
    room = min(policy.allowance(high) - spent, high - situation.size())
    wish = wish_of(situation.segments, item, situation.turn.text)
    if item == latest_turn(situation.segments) and not policy.wanted(situation.turn):
        return state
    found = extracts_for(wish, situation.segments, state, room - FRAME_OVERHEAD, reader)
    return replace(state, extracts={**state.extracts, item: found}) if found else state


def absent(segments: Sequence[Segment], state: PruneState) -> list[int]:
    """Return positions of the dropped segments that the prompt says nowhere; of equal ones the newest."""
    quoted = state.quoted
    present = {s.id for s in segments if s.key not in state.dropped or s.key in quoted}
    return list({s.id: i for i, s in enumerate(segments) if s.id not in present}.values())
