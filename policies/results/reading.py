"""What the pieces of a result say, read once: their words, the values that they carry, and the cues in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from policies.features import WORD, stems
from policies.results.kinds import DEFINITION
from policies.results.piece import Pieces
from policies.results.render import template_of
from policies.terms import term_id
from policies.types import Places, Scores, Terms

LONGEST = 120  # characters of a token: a longer one is data that nobody names
_TOKEN = re.compile(r"[#@]?\w+(?:[-.:/\\@+]\w+)*")
_CAMEL = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")
# A line that begins as a report of a failure does, and one that only speaks of one.
_FAILURE = re.compile(
    r"^[ \t>]{0,8}(?:(?:FAILED|FAIL|ERROR|FATAL|PANIC|CRITICAL|E {2,}|error(?:\[\w+\])?:|fatal:|panic:|Traceback )"
    r"|[\w.]{0,80}(?:Error|Exception|Failure)\b(?=:|$))",
    re.MULTILINE,
)
_TROUBLE = re.compile(
    r"\b(?:error|exception|traceback|fail(?:ed|ure|ures|s|ing)?|fatal|panic|denied|not found|undefined|cannot|unable"
    r"|invalid|mismatch|conflict)s?\b|Error\b|Exception\b",
    re.IGNORECASE,
)
_TOTAL = re.compile(
    r"\b\d{1,9} (?:passed|failed|errors?|warnings?|skipped|matches|files? changed|results?|rows?|tests?)\b"
    r"|\b(?:total|sum|summary|ran \d{1,9} tests?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What scoring needs of the pieces of one result; for every occurrence its piece, ascending."""

    terms: Terms
    term_places: Places
    values: Terms  # ids of identifiers, paths, numbers, names in code; each once a piece
    value_places: Places
    size: Scores  # characters of each piece, shape (n,); of one that holds others those around them
    leaf: NDArray[np.bool_]  # whether it holds no other
    failure: Scores  # 1 where a line reports a failure, shape (n,)
    trouble: Scores  # 1 where a word of trouble stands
    total: Scores  # 1 where something is summed up
    definition: Scores  # 1 where code defines a name
    template: Terms  # what it repeats but for its numbers, shape (n,)


def reading_of(pieces: Pieces) -> Reading:
    """Return what the pieces of a result say."""
    n = len(pieces)
    leaf = np.ones(n, dtype=bool)
    leaf[[p.parent for p in pieces.all if p.parent >= 0 and pieces.kind == "json"]] = False
    terms: list[int] = []
    values: list[int] = []
    term_counts, value_counts = [], []
    size = np.zeros(n)
    template = np.zeros(n, dtype=np.uint32)
    for i, text in enumerate(own_texts(pieces)):
        said, carried = tokens_of(text)
        terms += said
        values += carried
        term_counts.append(len(said))
        value_counts.append(len(carried))
        size[i] = len(text)
        template[i] = term_id(template_of(text))
    return Reading(
        np.array(terms, dtype=np.uint32),
        np.repeat(np.arange(n), term_counts),
        np.array(values, dtype=np.uint32),
        np.repeat(np.arange(n), value_counts),
        size,
        leaf,
        failure=found(pieces, _FAILURE) * leaf,
        trouble=found(pieces, _TROUBLE) * leaf,
        total=found(pieces, _TOTAL) * leaf,
        definition=defined(pieces) * leaf,
        template=template,
    )


def own_texts(pieces: Pieces) -> Iterable[str]:
    """Return the text of each piece; of one that holds others what stands ahead of them."""
    text = pieces.text
    if pieces.kind != "json":
        return [text[p.start : p.end] for p in pieces.all]
    following = [*(p.start for p in pieces.all[1:]), len(text)]
    return [
        text[p.start : p.end if p.form in ("leaf", "chunk") else max(p.start, after)]
        for p, after in zip(pieces.all, following, strict=True)
    ]


def tokens_of(text: str) -> tuple[list[int], list[int]]:
    """Return the ids of a text's terms, repeats included, and of its values, each once."""
    terms: list[int] = []
    values: dict[int, None] = {}
    for raw in _TOKEN.findall(text):
        if len(raw) <= LONGEST:
            said, carried = _token(raw)
            terms.extend(said)
            for value in carried:
                values[value] = None
    return terms, list(values)


@lru_cache(maxsize=65536)
def _token(raw: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the ids of the terms and of the values that one token stands for."""
    terms = tuple(term_id(stem) for word in WORD.findall(raw) for stem in stems(word))
    names = {raw.lstrip("#").lower()} if is_value(raw) else set()
    if "/" in raw:
        names.add(raw.rsplit("/", 1)[-1].lower())
    return terms, tuple(sorted(term_id(name) for name in names if len(name) > 1))


def is_value(raw: str) -> bool:
    """Return whether a token is one that a later step would copy: it has digits, parts, or case inside."""
    if len(raw) < 2:
        return False
    inner = any(c in raw for c in "_@/.:\\-")
    return inner or any(c.isdigit() for c in raw) or bool(_CAMEL.search(raw)) or (raw.isupper() and len(raw) > 2)


def found(pieces: Pieces, pattern: re.Pattern[str]) -> Scores:
    """Return 1 for each piece in which a pattern begins, shape (n,)."""
    marks = np.zeros(len(pieces))
    starts = np.array([p.start for p in pieces.all])
    places = np.array([m.start() for m in pattern.finditer(pieces.text)], dtype=np.intp)
    marks[np.searchsorted(starts, places, side="right") - 1] = 1.0
    return marks


def defined(pieces: Pieces) -> Scores:
    """Return 1 for each line that defines a name, shape (n,)."""
    if pieces.kind == "json":
        return np.zeros(len(pieces))
    return np.array([float(DEFINITION.match(pieces.text, p.start) is not None) for p in pieces.all])
