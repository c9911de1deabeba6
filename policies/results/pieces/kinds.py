"""Which kind of output a text is, judged by its first lines and its last."""

from __future__ import annotations

import re
from collections import Counter
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
_MATCH = re.compile(r"(?!\d{4}-\d\d-\d\d)(?:(?:\./)?[\w./@+-]{1,200}:\d+[:-]|\d+[:-]\s*+\S|Line \d+:)")
_ENTRY = re.compile(
    r"(?:\.?/)?[\w.@+~-]++(?:/[\w.@+~-]++)*+[/*:@]?\s*+$|[bcdlps-][rwxsStT-]{9}|total \d+\s*+$|\s*+$"
)
PLACE = re.compile(r"(?:\.?/)?[\w.@+~-]++(?:/[\w.@+~-]++)*+:?\s*+$")  # a file that matches stand under
COMMIT = re.compile(r"(?:\* )?commit [0-9a-f]{7,64}\b")
_FIELD = re.compile(r"\s*+(?:- )*+[\w.$/\"' -]{1,60}:(?:\s|$)|\s*+- \S|\s*+#|---\s*+$")
_ELEMENT = re.compile(r"\s*+</?[A-Za-z_?!][^<>]*>")
_OBJECT = re.compile(r"\s*+\{.*\}\s*+$")
_JSON = re.compile(
    r'\s*+(?:\{\s*+["}]|\[\s*+(?:[\[{"\]]|(?:true|false|null|-?\d[\d.eE+-]*+)\s*+(?:,|\]\s*+(?:[\[,\]]|$)|$)))'
)
_COLUMNS = re.compile(r"[A-Z%#][A-Z0-9%#()/_ -]*?(?: {2,}|\t| )[A-Z%#][A-Z0-9%#()/_ \t-]*$")
_PATH = re.compile(r"(?:\.?/)?[\w.@+~-]*(?:/|\.\w|:$)")
_EVENT = re.compile(
    r"\[?\d{4}[-/]\d\d[-/]\d\d|\[?\d\d:\d\d:\d\d|\[?(?:INFO|DEBUG|WARN|WARNING|ERROR|TRACE)\b"
    r"|.*\.\.\. ?(?:ok|ERROR|FAIL|skipped)|.* (?:PASSED|FAILED)\b|[\w/.-]+\.py[: ][ .sFxXE]*\[? *\d*%?\]?$"
)
_CODE = re.compile(
    r"(?:\s*+\d++[:|\t])?"
    r"(?:\s+\S|\s*+[})\]]|.*[{};:,(]\s*+$|\s*+(?:#|//|/\*|import |from |return ))"
)
_NUMBERED = re.compile(r"(?:Line )?\s*+(\d++)(?:[\t\u2192]|[:|] ?)")
_DELIMITERS = (",", "\t", ";", "|")


def kind_of(text: str) -> ResultKind:
    """Return the kind of a text that is no JSON."""
    lines = sample(text)
    if _share(lines, _OBJECT.match) >= 0.8:  # JSON lines
        return "log"
    if any(HUNK.match(line) for line in lines) and any(DIFF_FILE.match(line) for line in lines):
        return "diff"
    if _TAG.search(text, 0, 2000):
        return "html"
    if heads_columns(lines) or (not numbered(lines) and delimiter_of(lines)):
        return "table"
    if _share(lines, _MATCH.match) >= 0.6 and not numbered(lines):
        return "grep"
    if _share(lines, _ENTRY.match) >= 0.7 and _share(lines, _PATH.match) >= 0.3:
        return "listing"
    if _share(lines, _EVENT.match) >= 0.2:
        return "log"
    if any(DEFINITION.match(line) for line in lines) and _share(lines, _CODE.match) >= 0.5:
        return "code"
    return "tree" if is_tree(lines) else "text"


def is_json(text: str) -> bool:
    """Say whether a text looks like JSON, whose leaves say something by themselves."""
    return _JSON.match(text) is not None


def is_tree(lines: Sequence[str]) -> bool:
    """Say whether the indentation of lines tells what belongs to what: YAML, XML, `git log`."""
    if COMMIT.match(lines[0]) and sum(bool(COMMIT.match(line)) for line in lines) > 1:
        return True
    inner = sum(line[:1] in (" ", "\t") for line in lines) * 3 > len(lines)
    return inner and max(_share(lines, _FIELD.match), _share(lines, _ELEMENT.match)) >= 0.8


def heads_columns(lines: Sequence[str]) -> bool:
    """Say whether the first line names the columns of those below it, in capitals, as `ps` does."""
    return len(lines) > 3 and _COLUMNS.match(lines[0]) is not None and "  " in lines[1].strip()


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
        counts = Counter([line.count(delimiter) for line in filled])
        columns, even = counts.most_common(1)[0]
        if columns >= (2 if delimiter != "\t" else 1) and even >= 0.9 * len(filled):
            return delimiter
    return ""


def header_of(lines: Sequence[str]) -> int:
    """Return the position of the row that names a table's columns: its first one, behind any title."""
    delimiter = delimiter_of(lines)
    if not delimiter:
        return 0
    counts = [line.count(delimiter) for line in lines]
    columns = Counter([n for n, line in zip(counts, lines, strict=True) if line.strip()]).most_common(1)
    return counts.index(columns[0][0])


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


def unnumbered(line: str) -> str:
    """Return a line without the number that it begins with."""
    found = _NUMBERED.match(line)
    return line[found.end() :] if found else line


def _share(lines: Sequence[str], test: Callable[[str], object]) -> float:
    filled = [line for line in lines if line.strip()]
    return sum(bool(test(line)) for line in filled) / max(1, len(filled))
