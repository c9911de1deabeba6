"""Which kind of output a text is, judged by its first lines and its last."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from foveate.policies.results.pieces.piece import ResultKind

SAMPLE = 200  # lines
WIDEST = 400  # characters of a line that are looked at
HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+")
DIFF_FILE = re.compile(r"diff --git |Index: |--- (?:a/|/dev/null)")
DEFINITION = re.compile(
    r"[ \t]*+(?:\d++[:|\t]?[ \t]*+)?(?:@\w|(?:(?:export|default|public|private|protected|internal|static|final"
    r"|abstract|async"
    r"|pub(?:\([a-z]++\))?|unsafe|inline|virtual|const)[ \t]++)*+"
    r"(?:def|class|function|func|fn|struct|enum|interface|trait|impl|module|namespace|type)[ \t]++[\w(<])"
)
_TAG = re.compile(r"<(?:!doctype html|html|head|body|div|table|span|ul|p)\b", re.IGNORECASE)
_MATCH = re.compile(r"(?:\./)?[\w./@+-]{1,200}:\d+[:-]|\d+[:-]\s*+\S|Line \d+:")
_ENTRY = re.compile(
    r"(?:\.?/)?[\w.@+~-]+(?:/[\w.@+~-]+)*[/*:@]?\s*+$|[bcdlps-][rwxsStT-]{9}|total \d+\s*+$|\s*+$"
)
_PATH = re.compile(r"(?:\.?/)?[\w.@+~-]*(?:/|\.\w|:$)")
_EVENT = re.compile(
    r"\[?\d{4}-\d\d-\d\d|\[?\d\d:\d\d:\d\d|\[?(?:INFO|DEBUG|WARN|WARNING|ERROR|TRACE)\b"
    r"|.*\.\.\. ?(?:ok|ERROR|FAIL|skipped)|.* (?:PASSED|FAILED)\b|[\w/.-]+\.py[: ][ .sFxXE]*\[? *\d*%?\]?$"
)
_CODE = re.compile(
    r"(?:\s*+\d++[:|\t])?"
    r"(?:\s+\S|\s*+[})\]]|.*[{};:,(]\s*+$|\s*+(?:#|//|/\*|import |from |return ))"
)
_NUMBERED = re.compile(r"(?:Line )?\s*+(\d++)[:|\t\u2192]")
_DELIMITERS = (",", "\t", ";", "|")


def kind_of(text: str) -> ResultKind:
    """Return the kind of a text that is no JSON."""
    lines = sample(text)
    if any(HUNK.match(line) for line in lines) and any(DIFF_FILE.match(line) for line in lines):
        return "diff"
    if _TAG.search(text, 0, 2000):
        return "html"
    if delimiter_of(lines):
        return "table"
    if _share(lines, _MATCH.match) >= 0.6 and not numbered(lines):
        return "grep"
    if _share(lines, _ENTRY.match) >= 0.7 and _share(lines, _PATH.match) >= 0.3:
        return "listing"
    if _share(lines, _EVENT.match) >= 0.2:
        return "log"
    if any(DEFINITION.match(line) for line in lines) and _share(lines, _CODE.match) >= 0.5:
        return "code"
    return "text"


def sample(text: str) -> list[str]:
    """Return the first lines of a text, the last one left out where it is cut off."""
    lines = text[: SAMPLE * WIDEST].split("\n", SAMPLE)
    whole = lines[:-1] if len(lines) > 1 else lines
    return [line[:WIDEST] for line in whole]


def delimiter_of(lines: Sequence[str]) -> str:
    """Return what parts the cells of a table, empty for any other text."""
    filled = [line for line in lines if line.strip()]
    if len(filled) < 3:
        return ""
    for delimiter in _DELIMITERS:
        columns = filled[0].count(delimiter)
        even = sum(line.count(delimiter) == columns for line in filled)
        if columns >= (2 if delimiter != "\t" else 1) and even >= 0.9 * len(filled):
            return delimiter
    return ""


def numbered(lines: Sequence[str]) -> bool:
    """Return whether most lines begin with their own number, as `cat -n` and editors show a file."""
    matches = [_NUMBERED.match(line) for line in lines]
    found = [int(m[1][:9]) for m in matches if m]
    steps = sum(after - before == 1 for before, after in pairwise(found))
    return len(found) >= 3 and steps >= 0.8 * (len(found) - 1) and 2 * len(found) > len(lines)


def number_of(line: str) -> int:
    """Return the number that a line begins with, 0 where it has none."""
    found = _NUMBERED.match(line[:40])
    return int(found[1][:9]) if found else 0


def _share(lines: Sequence[str], test: Callable[[str], object]) -> float:
    filled = [line for line in lines if line.strip()]
    return sum(bool(test(line)) for line in filled) / max(1, len(filled))
