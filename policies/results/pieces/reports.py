"""Which lines of an output report a failure, in what test runners, compilers, shells and logs print."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from foveate.policies.types import Scores

HINTS = (
    "error", "fail", "fatal", "panic", "critical", "severe", "emerg", "traceback", "exception", "e  ", "not ok",
    "caused by", "err!", "***", "segmentation", "stdout", "___", "\u2717", "\u2718", "\u2715", "\u2716", "\u00d7",
    "\u25cf",
)  # fmt: skip
# A line that begins as a report of a failure does, in what test runners, compilers and shells print.
_FAILURE = re.compile(
    r"(?:\s{0,8}>?\s?(?:FAILED|FAIL|ERROR|FATAL|PANIC|CRITICAL|E {2,}|[Ee]rror(?:\[\w+\])?:|fatal:|panic:"
    r"|Traceback )"
    r"|\s{0,8}(?:--- FAIL|not ok \d|Caused by:|Exception in thread|thread '.{1,80}' panicked|npm ERR!"
    r"|make(?:\[\d+\])?: \*\*\*|Segmentation fault|---- \S+ stdout"
    r"|\[(?:ERROR|FATAL|FAILED|error)\]|::error|##\[error\]|[\u2717\u2718\u2715\u2716\u00d7\u25cf] )"
    r"|_{3,} ?[\w/].{0,200}? ?_{3,}\s*$"  # the heading over one, in pytest
    r"|[\w.$]{0,160}(?:Error|Exception|Failure)\b(?=:|\s*$)"
    r"|[\w./\\+-]{1,200}[:(]\d[\d:,)]{0,12}:? (?:fatal )?error\b)",
    re.MULTILINE,
)
# An event of a log at the level of a failure.
_EVENT = re.compile(
    r"\W{0,3}(?:\d{4}-\d\d-\d\d|\d\d:\d\d|[A-Z][a-z]{2} +\d+ \d\d:|\d{10}|\w+=|\{\")"
    r"[^\n]{0,160}?(?:\b(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC|EMERG)\b"
    r"|\b(?:level|severity|lvl|levelname)[\"']?\s{0,2}[=:]\s{0,2}[\"']?(?:error|fatal|critical|panic|emerg)\b)",
)
# And one that ends as the line of a failed test does.
_FAILED = re.compile(
    r"(?:\s|\.{3} ?)(?:FAILED|FAIL|ERROR|<<< (?:FAILURE|ERROR)!)(?:\s+\[ *\d+%\])?\s*$"
)
_DETAIL = re.compile(
    r"\s{0,8}E {2,}"
)  # a line of pytest's report that goes on where the one above it does
TAIL = 40  # characters of a line that tell how it ends
BODY = 0.3  # of what the lines indented under a report count, the first of them
FADING = 0.9  # of that the next one
LEAST = 0.05
AGAIN = 0.15  # of what a report counts that stands there word for word already


def failures(texts: Sequence[str]) -> Scores:
    """Return how much each text reports of a failure, shape (n,): 1 for a first line, less for those
    that go on with it, and little for one that says it again.
    """
    found = np.zeros(len(texts))
    likely = hinted(texts)
    told: set[str] = set()
    details = 0  # lines of pytest's report in a row
    depth, body = -1, 0.0  # how far the latest report is indented, and what a line under it counts
    for i, text in enumerate(texts):
        if i not in likely and body <= LEAST:
            details = 0
            continue
        said = text.strip()
        indent = len(text) - len(text.lstrip()) if said else depth + 1
        if i in likely and _reports(text):
            details = details + 1 if _DETAIL.match(text) else 0
            found[i] = AGAIN if said in told else 1.0 / max(1, details)
            depth, body = indent, BODY
            told.add(said)
        elif indent > depth and body > LEAST:
            details, body = 0, body * FADING
            found[i] = body if said else 0.0
        else:
            details, body = 0, 0.0
    return found


def hinted(texts: Sequence[str]) -> set[int]:
    """Return the positions of the texts that have a word without which none reports a failure.

    Found in all of them at once, since a result has thousands of lines and few that do.
    """
    whole = "\n".join(texts).lower()
    ends = list(accumulate([len(text) + 1 for text in texts]))
    if not ends or len(whole) != ends[-1] - 1:  # a letter whose small form is longer
        return set(range(len(texts)))
    found: set[int] = set()
    for hint in HINTS:
        at = whole.find(hint)
        while at >= 0:
            i = bisect_right(ends, at)
            found.add(i)
            at = whole.find(hint, ends[i])
    return found


def _reports(text: str) -> bool:
    ends = _FAILED.search(text, max(0, len(text) - TAIL))
    return bool(_FAILURE.match(text) or _EVENT.match(text) or ends)
