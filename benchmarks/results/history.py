"""A session as offers that compete for the room that a budget leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.results.cases import Case, Message, Ruler, said, text_of, units_of
from foveate.policies.results.competing import compete
from foveate.policies.results.pieces.dividing import pieces_of
from foveate.policies.results.pieces.piece import Pieces, ResultPiece
from foveate.policies.results.pieces.render import render
from foveate.policies.results.pieces.tokens import tokens_of
from foveate.policies.results.reading import Reading, reading_of
from foveate.policies.results.scoring import Need, Offer
from foveate.policies.results.settings import Results

LATEST = 3  # calls that say what the agent is doing
NAMED_HALF_LIFE = 8.0  # units since a value was named
MARK = 14  # tokens of a result that is a mark alone


@dataclass(frozen=True, slots=True)
class Slot:
    """An offer's place in the session."""

    message: int
    unit: int


class History:
    """One request by the rule of the data: what must stay, and what competes."""

    def __init__(self, case: Case, ruler: Ruler, whole: int) -> None:
        self.case, self.ruler = case, ruler
        messages = case.messages
        last = len(messages) - 1
        latest = max((i for i, m in enumerate(messages) if m["role"] == "user"), default=0)
        units = units_of(messages)
        asked = next(u for u in units if last in u)
        always = {i for i, m in enumerate(messages) if m["role"] == "system"} | {latest, last}
        self.must = always | {i for i in asked if messages[i]["role"] != "tool"}
        fixed = ruler.messages(messages[i] for i in always)
        self.history = ruler.messages(messages) - fixed
        self.fixed = fixed
        self.must_cost = ruler.messages(messages[i] for i in self.must)
        self.slots: list[Slot] = []
        self.offers: list[Offer] = []
        self.unit_of: list[list[int]] = []
        for age, unit in enumerate(reversed([u for u in units if latest not in u or len(u) > 1])):
            rest = [i for i in unit if i not in self.must]
            if rest:
                self._offer(rest, age, whole)
        self.need = self._need(units, latest, asked)

    def _offer(self, unit: list[int], age: int, whole: int) -> None:
        messages = self.case.messages
        place = len(self.unit_of)
        self.unit_of.append(unit)
        caller = messages[unit[0]] if messages[unit[0]].get("tool_calls") else None
        results = [i for i in unit if messages[i]["role"] == "tool"]
        for i in results or unit:
            text = text_of(messages[i])
            tokens = self.ruler.text(text)
            pieces, reading = read(text, messages[i]["role"] == "tool" and tokens > whole)
            opening = 4 + (MARK if len(results) > 1 else 0)
            if caller and i == results[0]:
                opening += self.ruler.message(caller)
            call = said(caller) if caller else ""
            self.slots.append(Slot(i, place))
            self.offers.append(
                Offer(pieces, reading, age, call, place, opening, tokens / max(1, len(text)))
            )

    def _need(self, units: Sequence[Sequence[int]], latest: int, asked: Sequence[int]) -> Need:
        messages = self.case.messages
        named: dict[int, float] = {}
        for age, unit in enumerate(reversed(units)):
            for i in unit:
                if messages[i]["role"] != "tool":
                    for value in tokens_of(said(messages[i]))[1]:
                        named[value] = max(named.get(value, 0.0), 2 ** (-age / NAMED_HALF_LIFE))
        steps = [i for i, m in enumerate(messages) if m["role"] == "assistant"][-LATEST:]
        since = sum(u[0] > latest for u in units)
        return Need(
            text_of(messages[latest]), since, "\n".join(said(messages[i]) for i in steps), named
        )

    def room(self, share: float) -> int:
        return int(share * self.history) + self.fixed - self.must_cost

    def cut(self, share: float, results: Results) -> list[Message]:
        """Return the prompt."""
        kept = compete(self.offers, self.need, self.room(share), results, self.ruler.text)
        stay = {s.unit for s, shown in zip(self.slots, kept, strict=True) if shown}
        contents = {i: None for u in stay for i in self.unit_of[u]}
        texts = {
            s.message: render(o.pieces, shown)
            for s, o, shown in zip(self.slots, self.offers, kept, strict=True)
            if s.unit in stay
        }
        return [
            m if i in self.must or i not in texts else {**m, "content": texts[i]}
            for i, m in enumerate(self.case.messages)
            if i in self.must or i in contents
        ]


@lru_cache(maxsize=20_000)
def read(text: str, divided: bool) -> tuple[Pieces, Reading]:
    """The pieces of a result; of any other text, or of a short result, one for all of it."""
    pieces = (
        pieces_of(text)
        if divided
        else Pieces(text, "text", (ResultPiece("lines", 0, len(text), -1, 1, 1),))
    )
    return pieces, reading_of(pieces)
