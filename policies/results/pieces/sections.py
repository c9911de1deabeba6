"""Documents as pieces: the headings that their lines stand under."""

from __future__ import annotations

import re
from collections.abc import Sequence

from foveate.policies.results.pieces.kinds import SAMPLE, numbered, unnumbered

_HASHES = re.compile(r"#{1,6}(?=[ \t]+\S)")  # Markdown
_SECTION = re.compile(r"\[{1,2}[^\[\]\s][^\[\]]*\]{1,2}$")  # INI, TOML
_UNDERLINE = re.compile(r"([=\-~^\"'*+#])\1{2,}$")  # reStructuredText, Markdown
_CAPITALS = re.compile(r"[A-Z][A-Z0-9 ,/&()-]{2,60}$")  # man pages
_FENCE = "```"  # code in Markdown
_MARGIN = 4  # characters by which a line under a title may be shorter
FEWEST = 2  # headings of a document
MOST = 0.4  # of its lines: where more look like headings, they are none


def under_sections(lines: Sequence[str]) -> list[int]:
    """Return the heading that each line of a document stands under, for a heading the one above it that
    ranks higher; -1 for none, and for all lines of what is no document.
    """
    bare = unnumbered if numbered(lines[:SAMPLE]) else str
    said = [bare(line.partition("\n")[0]).rstrip() for line in lines]
    ranks = ranked(headings(said))
    if not FEWEST <= len(ranks) <= MOST * sum(map(bool, said)):
        return [-1] * len(lines)
    heads: list[int] = []
    opened: list[tuple[int, int]] = []
    for i, line in enumerate(said):
        rank = ranks.get(i, 0)
        while rank and opened and opened[-1][0] >= rank:
            opened.pop()
        heads.append(opened[-1][1] if opened and line else -1)
        if rank:
            opened.append((rank, i))
    return heads


def headings(lines: Sequence[str]) -> dict[int, str]:
    """Return the headings of a text by their positions, each with how it is written, by which it ranks."""
    found: dict[int, str] = {}
    fenced = False
    for i, line in enumerate(lines):
        if line[:1] in ("", " ", "\t", "`"):
            fenced ^= line.lstrip().startswith(_FENCE)
            continue
        below = lines[i + 1] if i + 1 < len(lines) else ""
        style = "" if fenced else _style(line, lines[i - 1] if i else "", below)
        if style:
            found[i] = style
    return found


def ranked(found: dict[int, str]) -> dict[int, int]:
    """Return the rank of each heading, from 1, the highest: how many hashes it has, or which of the
    underlines came first. Hashes among the sections of a settings file are comments.
    """
    sections = [i for i, style in found.items() if style == "["]
    if len(sections) >= FEWEST:
        return dict.fromkeys(sections, 1)
    lines = [style for style in dict.fromkeys(found.values()) if style[0] not in "#A["]
    return {
        i: 1 + lines.index(style) if style in lines else len(style)
        for i, style in found.items()
        if style != "["
    }


def _style(line: str, above: str, below: str) -> str:
    """Return how a heading is written: its hashes, the character under it, `[` for a section, `A` for
    capitals; empty for any other line.
    """
    if line[0] == "[" and _SECTION.match(line):
        return "["
    if above and not _UNDERLINE.match(above):
        return ""
    hashes = _HASHES.match(line)
    if hashes:
        return hashes[0]
    under = _UNDERLINE.match(below)
    if under and len(below) >= len(line) - _MARGIN and not _UNDERLINE.match(line):
        return f"{under[1]}_"
    return "A" if below[:1] == " " and _CAPITALS.match(line) else ""
