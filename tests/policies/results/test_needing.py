"""What the end of a conversation is said to need."""

from __future__ import annotations

from foveate.policies.results.instead import Read, read_divided, read_whole
from foveate.policies.results.needing import BRIEF, need_of
from foveate.policies.types import Segment, ToolResult
from support.conversations import segment


class Plain:
    """Reads anew each time."""

    def divided(self, text: str) -> Read:
        return read_divided(text)

    def whole(self, text: str) -> Read:
        return read_whole(text)

    def count(self, text: str) -> int:
        return len(text) // 4


def step(item: int, text: str) -> Segment:
    result = ToolResult((item, 0, 0), text, 10, "find", "find ledger")
    return segment(
        f"find ledger\n{text}",
        role="assistant",
        key=(item, 0, -1),
        results=(result,),
        said="find ledger",
    )


def test_values_of_a_brief_result_are_named_and_those_of_a_long_one_are_not() -> None:
    brief = need_of([step(1, "owner usr_14187")], "Go on.", Plain())
    long = need_of([step(1, "owner usr_14187 " + "x" * BRIEF)], "Go on.", Plain())
    assert len(brief.named) == len(long.named) + 1


def test_it_is_told_how_much_of_the_turn_asks():
    turns = ("What did the ledger say?", "Thanks. What did it say?", "Go on with the ledger.")
    asked = [need_of([step(0, "ledger 1")], turn, Plain()).asks for turn in turns]
    assert asked[0] == 1.0 > asked[1] > asked[2] == 0.0
