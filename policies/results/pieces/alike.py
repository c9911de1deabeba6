"""Lines that say the same but for their numbers, as logs repeat them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise

_VARYING = re.compile(r"(?=[\da-fA-F])(?:[\da-fA-F]{8,}+|\d++)")
_ASCII = re.compile(r"(?=[0-9a-fA-F])(?:[0-9a-fA-F]{8,}+|[0-9]++)")  # half as long
COMPARED = 200  # characters of a line
APART = "\x00"  # between lines that are read at once


def templates(lines: Sequence[str]) -> list[str]:
    """Return each line with its numbers taken out: what a log repeats."""
    begins = [line.strip()[:COMPARED] for line in lines]
    whole = APART.join(begins)
    found = (_ASCII if whole.isascii() else _VARYING).sub("0", whole).split(APART)
    return found if len(found) == len(lines) else [_VARYING.sub("0", line) for line in begins]


def repeating(text: str) -> list[int]:
    """Return for each number of lines, from 0, how many of so many first ones say something that the
    line above says.
    """
    said = templates(text.split("\n"))
    again = [before == line != "" for before, line in pairwise(said)]
    return list(accumulate([False, *again], initial=0))
