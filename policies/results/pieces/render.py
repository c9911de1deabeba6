"""A result with pieces left out, valid in its own kind, and marks that say what is missing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

from foveate.policies.results.pieces.kinds import number_of
from foveate.policies.results.pieces.piece import Pieces, ResultPiece

INVITATION = "; ask for a narrower range to read them"
LONGEST_REPEAT = 10_000  # characters that are compared with the line above them
MOST_KEYS = 12  # that a mark names


def render(pieces: Pieces, chosen: Collection[int]) -> str:
    """Return the text of the chosen pieces and of those that lead to them; all of them are the text
    itself.
    """
    shown = opened(pieces, chosen)
    if len(shown) == len(pieces):
        return pieces.text
    if pieces.kind == "json":
        return _Document(pieces, shown).value(0)
    return "".join(_lines(pieces, shown))


def opened(pieces: Pieces, chosen: Collection[int]) -> frozenset[int]:
    """Return the chosen pieces with all that lead to them."""
    if pieces.flat:
        return frozenset(chosen)
    shown: set[int] = set()
    for i in chosen:
        at = i
        while at >= 0 and at not in shown:
            shown.add(at)
            at = pieces.all[at].parent
    return frozenset(shown)


def gaps(n: int, shown: Collection[int]) -> Iterator[tuple[int, int]]:
    """Return the runs of positions below `n` that are not shown: first and last of each."""
    before = -1
    for i in [*sorted(shown), n]:
        if i - before > 1:
            yield before + 1, i - 1
        before = i


# ---- lines
def _lines(pieces: Pieces, shown: frozenset[int]) -> Iterator[str]:
    marks = _Marks(pieces)
    at = 0
    for first, last in gaps(len(pieces), shown):
        yield pieces.text[pieces.all[at].start : pieces.all[first].start]
        yield marks.of(first, last)
        at = last + 1
    if at < len(pieces):
        yield pieces.text[pieces.all[at].start :]


class _Marks:
    """Says what is left out; the first mark also says how to read it."""

    def __init__(self, pieces: Pieces) -> None:
        self.pieces = pieces
        self.first = True

    def of(self, first: int, last: int) -> str:
        """Return the mark for a run of pieces; a line of its own where whole lines are out."""
        begin, end = self.pieces.all[first], self.pieces.all[last]
        after = self.pieces.all[last + 1] if last + 1 < len(self.pieces) else None
        if begin.extent and (after is None or after.extent):
            return self._line(begin, end)
        out = " left out" if self.first else ""
        note = f" [... {end.end - begin.start:,} characters{out}{self._invitation()} ...] "
        return note + ("\n" if self.pieces.text[end.end - 1 : end.end] == "\n" else "")

    def _line(self, begin: ResultPiece, end: ResultPiece) -> str:
        low, high = begin.number, end.number + max(0, end.extent - 1)
        like = ", like the line above" if self._repeats(low, high, end.end - begin.start) else ""
        total = f" of {self.pieces.lines:,} left out" if self.first else ""
        if self.pieces.numbered:
            ours = number_of(self._text(begin)), number_of(self._text(end))
            if 0 < ours[0] <= ours[1]:
                (low, high), total = ours, " left out" if self.first else ""
        lines = f"line {low:,}" if low == high else f"lines {low:,}-{high:,}"
        close = "\n" if end.end < len(self.pieces.text) or self.pieces.text.endswith("\n") else ""
        return f"[... {lines}{total}{like}{self._invitation()} ...]{close}"

    def _repeats(self, low: int, high: int, size: int) -> bool:
        """Say whether all lines from `low` to `high` repeat the one above but for their numbers."""
        plain = self.pieces.kind in ("log", "text") and not self.pieces.numbered
        if not plain or low == 1 or size > LONGEST_REPEAT:
            return False
        return self.pieces.repeating[high] - self.pieces.repeating[low - 1] == high - low + 1

    def _text(self, piece: ResultPiece) -> str:
        return self.pieces.text[piece.start : min(piece.end, piece.start + 40)]

    def _invitation(self) -> str:
        words = INVITATION if self.first else ""
        self.first = False
        return words


# ---- JSON
class _Document:
    """Writes a JSON document anew from the spans that are shown, with strings as marks."""

    def __init__(self, pieces: Pieces, shown: frozenset[int]) -> None:
        self.pieces = pieces
        self.shown = shown
        self.children: list[list[int]] = [[] for _ in pieces.all]
        self.whole = [i in shown for i in range(len(pieces))]
        for i, piece in enumerate(pieces.all):
            if piece.parent >= 0:
                self.children[piece.parent].append(i)
        for i in range(len(pieces) - 1, 0, -1):
            self.whole[pieces.all[i].parent] &= self.whole[i]
        self.first = True

    def value(self, i: int) -> str:
        """Return a piece with its key."""
        piece = self.pieces.all[i]
        text = self.pieces.text
        if self.whole[i]:
            return text[piece.start : piece.end]
        inside = self.children[i]
        if not inside or i not in self.shown:
            return self._nothing(piece)
        opening = text[piece.start : self.pieces.all[inside[0]].lead]
        closing = text[self.pieces.all[inside[-1]].end : piece.end]
        write = {"array": self._array, "object": self._object, "string": self._string}[piece.form]
        return opening + write(i, inside) + closing

    def _nothing(self, piece: ResultPiece) -> str:
        """Return what stands for a document none of which is shown."""
        note = self._mark(f"{piece.end - piece.start:,} characters")
        return f"[{note}]" if self.pieces.text[piece.start] == "[" else f'{{"[...]": {note}}}'

    def _blanks(self, i: int) -> str:
        return self.pieces.text[self.pieces.all[i].lead : self.pieces.all[i].start]

    def _array(self, i: int, inside: Sequence[int]) -> str:
        last = self.pieces.all[inside[-1]]
        total = last.number + last.extent - 1
        out: list[str] = []
        at = 0
        for first, end in gaps(len(inside), self._places(inside)):
            out += [self._blanks(k) + self.value(k) for k in inside[at:first]]
            low, high = self.pieces.all[inside[first]], self.pieces.all[inside[end]]
            count = high.number + high.extent - 1
            items = f"item {count:,}" if low.number == count else f"items {low.number:,}-{count:,}"
            out.append(self._blanks(inside[first]) + self._mark(items, f" of {total:,}"))
            at = end + 1
        out += [self._blanks(k) + self.value(k) for k in inside[at:]]
        return ",".join(out)

    def _object(self, i: int, inside: Sequence[int]) -> str:
        out = [self._blanks(k) + self.value(k) for k in inside if k in self.shown]
        missing = [k for k in inside if k not in self.shown]
        if missing:
            out.append(
                f'{self._blanks(missing[0])}"[...]": {self._mark(self._keys(missing, len(inside)))}'
            )
        return ",".join(out)

    def _keys(self, missing: Sequence[int], total: int) -> str:
        """Return how many keys are missing, and the first of their names."""
        names = [self._key(k) for k in missing[:MOST_KEYS]]
        more = ", ..." if len(missing) > MOST_KEYS else ""
        return f"{len(missing):,} of {total:,} keys ({', '.join(names)}{more})"

    def _key(self, k: int) -> str:
        piece = self.pieces.all[k]
        name, _ = json.JSONDecoder().raw_decode(self.pieces.text, piece.start)
        return str(name)[:40]

    def _string(self, i: int, inside: Sequence[int]) -> str:
        text = self.pieces.text
        by_lines = any(self.pieces.all[k].extent for k in inside)
        total = sum(self.pieces.all[k].extent for k in inside)
        out: list[str] = []
        at = 0
        for first, end in gaps(len(inside), self._places(inside)):
            out += [text[self.pieces.all[k].start : self.pieces.all[k].end] for k in inside[at:first]]
            low, high = self.pieces.all[inside[first]], self.pieces.all[inside[end]]
            if by_lines and low.extent:
                lines = f"lines {low.number:,}-{high.number + max(0, high.extent - 1):,}"
                note = self._mark(lines, f" of {total:,}")
                out.append(note[1:-1] + "\\n")
            else:
                out.append(f" {self._mark(f'{high.end - low.start:,} characters')[1:-1]} ")
            at = end + 1
        out += [text[self.pieces.all[k].start : self.pieces.all[k].end] for k in inside[at:]]
        return "".join(out)

    def _places(self, inside: Sequence[int]) -> list[int]:
        return [place for place, k in enumerate(inside) if k in self.shown]

    def _mark(self, what: str, total: str = "") -> str:
        """Return a mark as a JSON string; the first one says more."""
        more = f"{total} left out{INVITATION}" if self.first else ""
        self.first = False
        return json.dumps(f"[... {what}{more} ...]", ensure_ascii=False)
