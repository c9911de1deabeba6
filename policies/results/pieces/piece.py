"""What a tool result is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from foveate.policies.results.pieces.alike import repeating

ResultKind = Literal["json", "diff", "html", "table", "grep", "listing", "code", "tree", "log", "text"]
Form = Literal["lines", "part", "leaf", "object", "array", "string", "chunk"]
GRAIN = 240  # characters: a value or row up to this length is one piece, a longer line several
MANY = 1_000_000  # characters: in a longer text short items of an array are joined
MOST = 20_000  # pieces: a longer text has coarser ones, so that memory stays bounded


class ResultPiece(NamedTuple):
    """The smallest thing of a result that is shown or left out; a tuple, since a result has thousands.

    It stays only with its parent. In JSON an object, an array or a long string is the parent of what it
    holds, and its own text is that of all of them.
    """

    form: Form
    start: int  # characters of the text; in an object with the key
    end: int
    parent: int  # position of the piece that leads to it, -1 at the top
    number: int  # of its first line in the result, or its first item in the array; from 1
    extent: int  # lines or items in it; 0 for a part of a line that another part begins
    lead: int = 0  # in JSON where the blanks before it begin


@dataclass(frozen=True)
class Pieces:
    """A result's text and its pieces in order; those that are no JSON follow each other without a gap.

    What marks say of it is worked out when first asked for.
    """

    text: str
    kind: ResultKind
    all: tuple[ResultPiece, ...]
    numbered: bool = False  # whether its lines begin with numbers of their own

    def __len__(self) -> int:
        return len(self.all)

    @cached_property
    def flat(self) -> bool:
        """Whether no piece leads to another."""
        return all(piece.parent < 0 for piece in self.all)

    @cached_property
    def lines(self) -> int:
        """How many lines there are."""
        return sum([piece.extent for piece in self.all])

    @cached_property
    def repeating(self) -> Sequence[int]:
        """For each number of lines how many of the first ones repeat the line above."""
        return repeating(self.text)

    def text_of(self, i: int) -> str:
        """Return the characters of one piece; of an object, array or long string with all that it
        holds.
        """
        return self.text[self.all[i].start : self.all[i].end]


def grain_of(text: str) -> int:
    """Return how many characters a piece of this text may have before it is divided."""
    return max(GRAIN, len(text) // MOST)


def division(text: str, start: int, end: int, grain: int) -> list[int]:
    """Return where a long stretch is divided: ends of parts of `grain` characters at most where words
    allow it.

    Never inside an escape of JSON: `start` is taken for the end of one.
    """
    ends = []
    while end - start > grain:
        cut = _after_escape(text, start, _boundary(text, start + grain // 2, start + grain))
        if cut >= end:
            break
        ends.append(cut)
        start = cut
    return [*ends, end]


def _boundary(text: str, low: int, high: int) -> int:
    """Return the end of the last word within the bounds, else `high`."""
    for mark in (" ", ">", ",", ";"):
        found = text.rfind(mark, low, high)
        if found >= 0:
            return found + 1
    return high


def _after_escape(text: str, start: int, cut: int) -> int:
    """Return `cut`, or the end of the escape or surrogate pair of JSON that it would divide."""
    last = text.rfind("\\", max(start, cut - 12), cut)
    if last < 0:
        return cut
    run = last
    while run > start and text[run - 1] == "\\":
        run -= 1
    if (last - run) % 2:  # the second of an escaped backslash
        return cut
    end = last + (6 if text[last + 1 : last + 2] == "u" else 2)
    high = text[last + 1 : last + 4].lower() in ("ud8", "ud9", "uda", "udb")
    if high and text[end : end + 2] == "\\u":
        end += 6
    return max(cut, end)


def gathered(breaks: Sequence[int], begin: int, grain: int) -> list[tuple[int, int]]:
    """Return where each piece of lines ends and how many it has: one, unless there are too many lines
    for that.

    `breaks` are the ends of all lines of a stretch that begins at `begin`.
    """
    if len(breaks) <= MOST:
        return [(stop, 1) for stop in breaks if stop > begin]
    ends, lines = [], 0
    for place, stop in enumerate(breaks):
        lines += 1
        last = place + 1 == len(breaks)
        if stop > begin and (last or breaks[place + 1] - begin > grain):
            ends.append((stop, lines))
            begin, lines = stop, 0
    return ends
