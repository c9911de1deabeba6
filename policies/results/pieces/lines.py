"""Any text but JSON as pieces: its lines, and the headings that they stand under."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate

from foveate.policies.results.pieces.kinds import (
    COMMIT,
    DEFINITION,
    DIFF_FILE,
    HUNK,
    PLACE,
    header_of,
    sample,
)
from foveate.policies.results.pieces.piece import ResultKind, ResultPiece, division, gathered
from foveate.policies.results.pieces.sections import under_sections

LONGEST_HUNK = 1600  # characters: a longer one may lose lines
_RULE = re.compile(r"[\s|:+-]+$")
_FOLDER = re.compile(r"\S.*:\s*+$")
_INDENT = re.compile(r"(?:\s*+\d++[:|\t\u2192])?([ \t]*+)(\S?)")
# What says under which heading a line stands: given all lines, the position of one for each, -1 for
# none.
Nesting = Callable[[Sequence[str]], list[int]]


def lines(text: str, kind: ResultKind, grain: int) -> list[ResultPiece]:
    """Return the pieces of a text, which follow each other without a gap."""
    ends = [m.end() for m in re.finditer("\n", text)]
    if not ends or ends[-1] < len(text):
        ends.append(len(text))
    stops = gathered(ends, 0, grain)
    if kind == "diff":
        stops = joined(text, stops)
    stops = stops or [(0, 1)]
    starts = [0, *(stop for stop, _ in stops[:-1])]
    heads = nesting(text, kind)(
        [text[a : min(b, a + 200)] for a, (b, _) in zip(starts, stops, strict=True)]
    )
    numbers = accumulate([count for _, count in stops], initial=1)
    long = any(
        stop - start > grain for start, (stop, count) in zip(starts, stops, strict=True) if count == 1
    )
    whole = [
        ResultPiece("lines", start, stop, head, number, count)
        for start, (stop, count), head, number in zip(starts, stops, heads, numbers, strict=False)
    ]
    return divided(whole, text, grain) if long else whole


def divided(lines: Sequence[ResultPiece], text: str, grain: int) -> list[ResultPiece]:
    """Return lines with the long ones in parts; their parents are positions of lines."""
    pieces: list[ResultPiece] = []
    places: list[int] = []
    for line in lines:
        places.append(len(pieces))
        parent = places[line.parent] if line.parent >= 0 else -1
        _divide(pieces, line._replace(parent=parent), text, grain)
    return pieces


def _stays(line: ResultPiece, grain: int) -> bool:
    return line.extent > 1 or line.end - line.start <= grain


def _divide(pieces: list[ResultPiece], line: ResultPiece, text: str, grain: int) -> None:
    """Append a line, in parts if it is long; several lines stay together."""
    if _stays(line, grain):
        pieces.append(line)
        return
    start, count = line.start, 1
    for cut in division(text, start, line.end, grain):
        pieces.append(ResultPiece("part", start, cut, line.parent, line.number, count))
        start, count = cut, 0


def joined(text: str, stops: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ends of a diff's pieces: a file's heading and a hunk of ordinary length are one piece
    each.
    """
    found: list[tuple[int, int]] = []
    opened, start, inside = 0, 0, False
    for stop, count in stops:
        heading = DIFF_FILE.match(text, start) and not text.startswith("--- ", start)
        hunk = HUNK.match(text, start)
        whole = opened + stop - start <= LONGEST_HUNK
        if inside and whole and not heading and not hunk:
            found[-1] = (stop, found[-1][1] + count)
        else:
            found.append((stop, count))
            opened, inside = 0, bool(heading or hunk)
        opened += stop - start
        start = stop
    return found


def nesting(text: str, kind: ResultKind) -> Nesting:
    """Return what finds the headings of a kind."""
    if kind == "table":
        return partial(under_row, header_of(sample(text)))
    return NESTINGS.get(kind, alone)


def alone(lines: Sequence[str]) -> list[int]:
    """Return no heading for any line."""
    return [-1] * len(lines)


def under_row(head: int, lines: Sequence[str]) -> list[int]:
    """Return the row that names a table's columns, at `head`, for all below it, and the rule below it
    where it has one.
    """
    ruled = len(lines) > head + 1 and _RULE.match(lines[head + 1]) is not None
    above = [-1] * (head + 1)
    below = [head] if ruled else []
    return [*above, *below, *([head + ruled] * (len(lines) - len(above) - len(below)))]


def under_files(lines: Sequence[str]) -> list[int]:
    """Return the line that names the file, where matches stand under it as `rg --heading` writes them."""
    heads, file = [], -1
    for i, line in enumerate(lines):
        named = (
            PLACE.match(line) is not None and not line[:1].isspace() and ("/" in line or "." in line)
        )
        if named:
            file = i
        heads.append(-1 if named or not line.strip() else file)
    return heads


def under_indentation(lines: Sequence[str]) -> list[int]:
    """Return for each line of a tree the nearest one above it that is less indented.

    An entry of a list belongs to the key over it though it may stand as far to the left, and what a
    commit says to the last line of its heading.
    """
    heads: list[int] = []
    opened: list[tuple[int, int]] = []
    for i, line in enumerate(lines):
        bare = line.lstrip()
        if not bare.strip():
            heads.append(-1)
            continue
        depth = 2 * (len(line) - len(bare)) + (bare.startswith("- ") and not COMMIT.match(line))
        if opened and COMMIT.match(lines[opened[0][1]]) and depth == 0 and not COMMIT.match(line):
            depth = 1  # author and date
        while opened and opened[-1][0] >= depth:
            opened.pop()
        heads.append(opened[-1][1] if opened else -1)
        if not bare.startswith("</"):
            opened.append((depth, i))
    return heads


def under_hunks(lines: Sequence[str]) -> list[int]:
    """Return the file's heading for a hunk, and the hunk's for what is left of a long one."""
    heads, file, hunk = [], -1, -1
    for i, line in enumerate(lines):
        if DIFF_FILE.match(line):
            heads.append(-1)
            file, hunk = i, -1
        elif HUNK.match(line):
            heads.append(file)
            hunk = i
        else:
            heads.append(hunk if hunk >= 0 else file)
    return heads


def under_folders(lines: Sequence[str]) -> list[int]:
    """Return the line that names the folder, as `ls -R` writes it."""
    heads, folder = [], -1
    for i, line in enumerate(lines):
        if ":" in line and _FOLDER.match(line):
            folder = i
            heads.append(-1)
        else:
            heads.append(folder if line.strip() else -1)
    return heads


def under_definitions(lines: Sequence[str]) -> list[int]:
    """Return the function or class that a line of code stands in, by its indentation."""
    heads: list[int] = []
    opened: list[tuple[int, int]] = []
    for i, line in enumerate(lines):
        indent, first = _INDENT.match(line).groups()  # type: ignore[union-attr]
        depth = len(indent.expandtabs(4))
        while first and opened and opened[-1][0] >= depth and first not in "})]":
            opened.pop()
        heads.append(opened[-1][1] if opened else -1)
        if DEFINITION.match(line) and first != "@":
            opened.append((depth, i))
    return heads


NESTINGS: dict[ResultKind, Nesting] = {
    "diff": under_hunks,
    "listing": under_folders,
    "code": under_definitions,
    "grep": under_files,
    "tree": under_indentation,
    "text": under_sections,
}
