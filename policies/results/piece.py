"""What a tool result is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

ResultKind = Literal["json", "diff", "html", "table", "grep", "listing", "code", "log", "text"]
Form = Literal["lines", "part", "leaf", "object", "array", "string", "chunk"]
GRAIN = 240  # characters: a value or row up to this length is one piece, a longer line several
MOST = 20_000  # pieces: a longer text has coarser ones, so that memory stays bounded


class Piece(NamedTuple):
    """The smallest thing of a result that is shown or left out; a tuple, since a result has thousands.

    It stays only with its parent. In JSON an object, an array or a long string is the parent of what it holds, and
    its own text is that of all of them.
    """

    form: Form
    start: int  # characters of the text; in an object with the key
    end: int
    parent: int  # position of the piece that leads to it, -1 at the top
    number: int  # of its first line in the result, or its first item in the array; from 1
    count: int  # lines or items in it; 0 for a part of a line that another part begins
    lead: int = 0  # in JSON where the blanks before it begin


@dataclass(frozen=True, slots=True)
class Pieces:
    """A result's text and its pieces in order; those that are no JSON follow each other without a gap."""

    text: str
    kind: ResultKind
    all: tuple[Piece, ...]

    def __len__(self) -> int:
        return len(self.all)

    def text_of(self, i: int) -> str:
        """Return the characters of one piece; of an object, array or long string with all that it holds."""
        return self.text[self.all[i].start : self.all[i].end]


def grain_of(text: str) -> int:
    """Return how many characters a piece of this text may have before it is divided."""
    return max(GRAIN, len(text) // MOST)


def division(text: str, start: int, end: int, grain: int) -> list[int]:
    """Return where a long stretch is divided: ends of parts of `grain` characters at most where words allow it.

    Never inside an escape of JSON, whose longest has six characters.
    """
    ends = []
    while end - start > grain:
        cut = _boundary(text, start + grain // 2, start + grain)
        while cut < end and not _whole(text, cut):
            cut += 1
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


def _whole(text: str, cut: int) -> bool:
    """Return whether no escape may reach over a place; after a blank none can."""
    return text[cut - 1] == " " or "\\" not in text[max(0, cut - 6) : cut]


def gathered(breaks: Sequence[int], begin: int, size: int, grain: int) -> list[tuple[int, int]]:
    """Return where each piece of lines ends and how many it has: one, unless a text of `size` needs coarser ones.

    `breaks` are the ends of all lines of a stretch that begins at `begin`.
    """
    if size <= GRAIN * MOST:
        return [(stop, 1) for stop in breaks if stop > begin]
    ends, lines = [], 0
    for place, stop in enumerate(breaks):
        lines += 1
        last = place + 1 == len(breaks)
        if stop > begin and (last or breaks[place + 1] - begin > grain):
            ends.append((stop, lines))
            begin, lines = stop, 0
    return ends
