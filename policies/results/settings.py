"""How results are shortened: the `results:` of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from foveate.policies.results.pieces.piece import ResultKind

Switch = Literal["on", "off"]


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal adds to the worth of a piece; fitted by benchmarks/results/fit.py."""

    turn: float = 5.0  # words of the user's turn
    asked: float = 2.0  # how much more they count where all of the turn asks for something
    step: float = 0.8  # words of the agent's last step: its call, its arguments, what it said
    named: float = 0.4  # values that the conversation named elsewhere, lately
    failure: float = 6.0  # a line that reports a failure
    trouble: float = 1.0  # one that speaks of trouble
    total: float = 1.0  # one that sums up
    definition: float = 0.2  # one that defines a name
    head: float = 1.0  # nearness to the first line
    tail: float = 1.0  # and to the last
    values: float = 1.0  # values that nothing shown carries yet, each once
    floor: float = 0.1  # what any piece is worth
    same: float = 4.4  # how much more a result counts that has all words of the agent's last step
    recent: float = 1.0  # how much more the newest results count: half of it is left two units on
    about: float = 0.8  # a result with all words of the user's turn, where the latest one counts 1


@dataclass(frozen=True, slots=True)
class Results:
    """When and how results are shortened."""

    birth: bool = True  # shorten long results the first time that they are sent
    cut: bool = True  # let the pieces of results compete for the room of a cut
    over: int = 4000  # tokens: a shorter result is sent whole the first time
    whole: int = 100  # tokens: a shorter result is one piece at a cut
    whole_text: int = 400  # and one of plain text, where there is room
    # How much more the pieces of a segment count that the policy would keep as a whole
    favour: float = 2.5
    share: float = 0.125  # of the high watermark: at its first appearance a result may take as much
    tools: Mapping[str, Switch] = field(default_factory=dict)  # by tool name; off: never shortened
    kinds: Mapping[ResultKind, Switch] = field(default_factory=dict)
    weights: Weights = field(default_factory=Weights)
    finish: float = 0.3  # share of the room that makes results whole which are shown in part
    price: float = 0.55  # exponent of a piece's tokens: gain / tokens^price decides
    half_life: float = 14.0  # units of the conversation in which a result loses half its worth
    turn_half_life: float = 2.0  # units in which the user's turn loses half its say in what comes next
    near: float = 20.0  # pieces: how far head and tail reach
    kin: float = 0.66  # how much of its heading's worth, and in JSON of the best of its object's
    smoothing: float = 0.5  # how much of a neighbour's worth a piece takes on

    def exempt_tool(self, tool: str) -> bool:
        """Return whether results of a tool are never shortened."""
        return self.tools.get(tool, "on") == "off"

    def exempt(self, tool: str, kind: ResultKind) -> bool:
        """Return whether a result is never shortened."""
        return self.exempt_tool(tool) or self.kinds.get(kind, "on") == "off"
