"""What is written in place of a result: some of its pieces, or a pointer to an equal one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import NamedTuple, Protocol

from foveate.policies.results.pieces.dividing import pieces_of
from foveate.policies.results.pieces.kinds import is_json
from foveate.policies.results.pieces.piece import Pieces, ResultPiece
from foveate.policies.results.pieces.render import render
from foveate.policies.results.reading import Reading, reading_of
from foveate.policies.types import Shown

NAMED = 120  # characters of a call that a pointer names


class Read(NamedTuple):
    """A text as it is scored."""

    pieces: Pieces
    reading: Reading


class Reader(Protocol):
    """Reads texts and counts their tokens; it may remember what it has read."""

    def divided(self, text: str) -> Read:
        """Return a result in its pieces."""

    def whole(self, text: str) -> Read:
        """Return a text as one piece."""

    def count(self, text: str) -> int:
        """Return the tokens of a text."""


def read_divided(text: str) -> Read:
    """Return a result in its pieces."""
    pieces = pieces_of(text)
    return Read(pieces, reading_of(pieces))


def read_whole(text: str) -> Read:
    """Return a text as one piece."""
    pieces = Pieces(text, "text", (ResultPiece("lines", 0, len(text), -1, 1, 1),))
    return Read(pieces, reading_of(pieces))


def runs_of(positions: Collection[int]) -> tuple[tuple[int, int], ...]:
    """Return the first and last of each run of positions."""
    ordered = sorted(positions)
    if not ordered:
        return ()
    breaks = [(a, b) for a, b in pairwise(ordered) if b > a + 1]
    firsts = [ordered[0], *(b for _, b in breaks)]
    lasts = [*(a for a, _ in breaks), ordered[-1]]
    return tuple(zip(firsts, lasts, strict=True))


def positions_of(shown: Shown) -> Iterator[int]:
    """Yield the positions of the pieces that are shown."""
    for first, last in shown.runs:
        yield from range(first, last + 1)


def written(pieces: Pieces, shown: Shown) -> str:
    """Return the text of the pieces that are shown, with marks for the rest."""
    return render(pieces, frozenset(i for i in positions_of(shown) if i < len(pieces)))


def pointer(text: str, call: str) -> str:
    """Return what stands for a result that equals an earlier one, that of `call`; JSON stands for JSON."""
    lines = text.count("\n") + 1
    named = call if len(call) <= NAMED else f"{call[:NAMED]}..."
    size = f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
    words = f"the same {size} as the earlier result of {named or 'a call'}, which stands above"
    if is_json(text):
        return json.dumps({"[...]": words}, ensure_ascii=False)
    return f"[... {words} ...]"
