"""Keeps what is left of a history in the order of turns that it had: the user first, then each in turn.

Chat templates of self-hosted models (Mistral's, Gemma's) and some hosted APIs refuse a history that begins with the
assistant or has one role twice in a row, and Gemini one where a call does not follow the user or a result.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from foveate.policies.types import INSTRUCTIONS, Scores, Segment

USER, ANSWER, WORK, OTHER = "user", "answer", "work", "other"  # a turn's kinds; work is calls with their results
NOBODY = "nobody"
SPEAKERS = (NOBODY, USER, ANSWER)  # who has spoken last
UNWANTED = 1.0  # what a token costs that is kept only to mend a seam
SCARCE = 1000.0  # the same, where there is no room for it
WORST, BEST = 0.9, 1.6  # what a token is worth that was chosen, from the worst score to the best
Step = tuple[float, bool, str]  # cost so far, whether the turn is kept, who had spoken before


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds of a history, and so has to hold of what is left of it."""

    alternates: bool  # user and assistant take turns, the user first
    calls_follow: bool  # a call comes right behind a user's turn or a result, never behind an answer

    def allows(self, kind: str, before: str) -> bool:
        """Say whether a turn may follow, given who has spoken last."""
        if kind == OTHER:
            return True
        if before == NOBODY:
            return kind == USER
        if kind == WORK:
            return before == USER or not self.calls_follow
        return kind != before or not self.alternates


@dataclass(frozen=True, slots=True)
class Turn:
    """A message, or a unit of calls and results, and the positions of its segments."""

    kind: str
    places: tuple[int, ...]


def mended(
    segments: Sequence[Segment],
    kept: Collection[int],
    scores: Scores,
    closed: Collection[int] = (),
    price: float = UNWANTED,
) -> frozenset[int]:
    """Return positions of segments to keep, near those `kept`, such that turns follow each other as they did.

    At a seam the cheaper of two is done: the shortest neighbour that mends it is kept too, or a turn goes that stands
    there twice; `price` is what a token costs that mends one. What is pinned stays, and nothing of `closed` is kept.
    Where the history did not begin with the user nothing is changed.
    """
    turns = turns_of(segments)
    rules = rules_of([turn.kind for turn in turns])
    if rules is None:
        return frozenset(kept)
    stays = path(turns, rules, Costs(segments, frozenset(kept), scores, frozenset(closed), price))
    if stays is None:
        return frozenset(kept)
    found = {i for i in kept if segments[i].role in INSTRUCTIONS}
    for turn in stays:
        chosen = [i for i in turn.places if i in kept]
        found.update(chosen or [min(turn.places, key=lambda i: segments[i].tokens)])
    return frozenset(found)


def turns_of(segments: Sequence[Segment]) -> list[Turn]:
    """Return the turns of a history, oldest first, instructions aside."""
    spoken = [i for i, s in enumerate(segments) if s.role not in INSTRUCTIONS]
    groups = groupby(spoken, key=lambda i: segments[i].key[:2])
    return [Turn(kind_of(segments[places[0]]), places) for places in (tuple(group) for _, group in groups)]


def kind_of(segment: Segment) -> str:
    """Return what kind of turn a segment is, or is part of."""
    if segment.kind == "tool" and segment.role != "user":
        return WORK
    return {"user": USER, "assistant": ANSWER}.get(segment.role, OTHER)


def rules_of(kinds: Sequence[str]) -> Rules | None:
    """Return what holds of a history, None where it does not even begin with the user."""
    spoken = [kind for kind in kinds if kind != OTHER]
    if not spoken or spoken[0] != USER:
        return None
    plain = [kind for kind in spoken if kind != WORK]
    alternates = all(a != b for a, b in pairwise(plain))
    follows = all((a, b) != (ANSWER, WORK) for a, b in pairwise(spoken))
    return Rules(alternates and OTHER not in kinds, follows)


class Costs:
    """What keeping a turn and leaving it out cost, in tokens."""

    def __init__(
        self,
        segments: Sequence[Segment],
        kept: frozenset[int],
        scores: Scores,
        closed: frozenset[int],
        price: float,
    ) -> None:
        self._segments = segments
        self._kept = kept
        self._closed = closed
        self._scores = scores
        self._price = price
        chosen = [float(scores[i]) for i in kept if not segments[i].pin]
        self._least = min(chosen, default=0.0)
        self._span = max(chosen, default=0.0) - self._least

    def of(self, turn: Turn) -> tuple[float, float]:
        """Return the cost of keeping a turn, and of leaving it out."""
        segments = self._segments
        chosen = [i for i in turn.places if i in self._kept]
        if not chosen:
            if self._closed.issuperset(turn.places):
                return math.inf, 0.0
            return self._price * min([segments[i].tokens for i in turn.places]), 0.0
        if any(segments[i].pin for i in chosen):
            return 0.0, math.inf
        return 0.0, sum([segments[i].tokens * self._worth(i) for i in chosen])

    def _worth(self, position: int) -> float:
        above = (float(self._scores[position]) - self._least) / self._span if self._span > 0 else 0.5
        return WORST + (BEST - WORST) * above


def path(turns: Sequence[Turn], rules: Rules, costs: Costs) -> list[Turn] | None:
    """Return the turns to keep at the least cost, None where no choice keeps to the rules."""
    best = dict.fromkeys(SPEAKERS, math.inf)
    best[NOBODY] = 0.0
    steps: list[dict[str, Step]] = []
    for turn in turns:
        keep, leave = costs.of(turn)
        step: dict[str, Step] = {speaker: (best[speaker] + leave, False, speaker) for speaker in SPEAKERS}
        for before in SPEAKERS:
            after = turn.kind if turn.kind in SPEAKERS else before
            cost = best[before] + keep
            if cost < step[after][0] and rules.allows(turn.kind, before):
                step[after] = (cost, True, before)
        steps.append(step)
        best = {speaker: step[speaker][0] for speaker in SPEAKERS}
    last = min(SPEAKERS, key=lambda speaker: best[speaker])
    if best[last] == math.inf:
        return None
    stays = []
    for turn, step in zip(reversed(turns), reversed(steps), strict=True):
        _, kept, before = step[last]
        if kept:
            stays.append(turn)
        last = before
    return stays[::-1]
