"""What the pieces of a result say, read once: their words, the values that they carry, and the cues in
them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foveate.policies.language.words import normal, terms_of, words
from foveate.policies.results.pieces.kinds import DEFINITION
from foveate.policies.results.pieces.piece import Pieces
from foveate.policies.results.pieces.render import template_of
from foveate.policies.results.pieces.reports import failures
from foveate.policies.terms import term_id
from foveate.policies.types import Places, Scores, Terms

_TAG = re.compile(r"<[/!]?[A-Za-z][^<>]*>?|&[a-z]{2,8};")
_NAMING = re.compile(
    r"\b(?:href|src|action|id|name|value|alt|title|placeholder|content)\s*=\s*[\"']([^\"']*)",
    re.IGNORECASE,
)
DEFINING = frozenset({"code", "diff", "text"})  # kinds whose lines may define a name
SHORTEST = 60  # characters of a piece that are read in any case
LONGEST = 120  # characters of a token: a longer one is data that nobody names
TOKEN = re.compile(r"[#@]?\w+(?:[-.:/\\@+]\w+)*+")
_JOINT = re.compile(r"[-.:/\\@+]")
_VALUE = re.compile(r"[_@/.:\\\-\d]|[a-z][A-Z]|[A-Z]{2}[a-z]")  # parts, digits, case inside
STOOD = 0.3  # of what a text counts that stood there word for word before
# Words of a line that speaks of trouble, and of one that sums up.
_TROUBLE = frozenset(
    "error errors exception exceptions traceback fail failed failure failures fails failing fatal panic denied missing "
    "undefined cannot unable invalid mismatch conflict conflicts refused timeout".split()
)
_TOTALS = frozenset(
    "total totals sum summary passed failed skipped matches found changed rows results ran".split()
)
_READ = 1_000_000  # characters of a result: of a longer one the beginning of each piece must do


@dataclass(frozen=True, slots=True)
class Reading:
    """What scoring needs of the pieces of one result; for every occurrence its piece, ascending."""

    terms: Terms
    term_places: Places
    values: Terms  # ids of identifiers, paths, numbers, names in code; each once a piece
    value_places: Places
    size: Scores  # characters of each piece, shape (n,); of one that holds others those around them
    leaf: NDArray[np.bool_]  # whether it holds no other
    failure: Scores  # 1 where a line reports a failure, less where it says it again, shape (n,)
    trouble: Scores  # 1 where a word of trouble stands
    total: Scores  # 1 where something is summed up
    repeats: Scores  # how many pieces say the same but for their numbers, itself included
    fresh: Scores  # 1, less where an earlier piece says the very same, 0 right behind it
    definition: Scores  # 1 where code defines a name


def reading_of(pieces: Pieces) -> Reading:
    """Return what the pieces of a result say."""
    n = len(pieces)
    leaf = np.ones(n, dtype=bool)
    leaf[[p.parent for p in pieces.all if p.parent >= 0 and pieces.kind == "json"]] = False
    texts = own_texts(pieces)
    size = np.array([len(text) for text in texts], dtype=float)
    if pieces.kind == "html":
        texts = [untagged(text) for text in texts]
    longest = max(SHORTEST, _READ // max(1, n))
    tokens = [TOKEN.findall(text[:longest]) for text in texts]
    known = [[token_of(raw) for raw in found if len(raw) <= LONGEST] for found in tokens]
    terms = [[i for token in found for i in token.terms] for found in known]
    values = [list({i: None for token in found for i in token.values}) for found in known]
    return Reading(
        np.array([i for found in terms for i in found], dtype=np.uint32),
        np.repeat(np.arange(n), [len(found) for found in terms]),
        np.array([i for found in values for i in found], dtype=np.uint32),
        np.repeat(np.arange(n), [len(found) for found in values]),
        size,
        leaf,
        failure=failures(texts) * leaf,
        trouble=np.array([True in [t.trouble for t in found] for found in known], dtype=float) * leaf,
        total=np.array([True in [t.total for t in found] for found in known], dtype=float) * leaf,
        repeats=repeats(texts),
        fresh=fresh(texts),
        definition=defined(pieces) * leaf,
    )


def own_texts(pieces: Pieces) -> list[str]:
    """Return the text of each piece; of one that holds others what stands ahead of them."""
    text = pieces.text
    if pieces.kind != "json":
        return [text[p.start : p.end] for p in pieces.all]
    following = [*(p.start for p in pieces.all[1:]), len(text)]
    return [
        text[p.start : p.end if p.form in ("leaf", "chunk") else max(p.start, after)]
        for p, after in zip(pieces.all, following, strict=True)
    ]


def repeats(texts: Sequence[str]) -> Scores:
    """Return how many of the texts are like each but for their numbers, shape (n,)."""
    templates = [template_of(text) for text in texts]
    counts = Counter(templates)
    return np.array([counts[template] for template in templates], dtype=float)


def fresh(texts: Sequence[str]) -> Scores:
    """Return how new each text is, shape (n,): less where it stood before, 0 right behind its equal."""
    told: set[str] = set()
    found = np.ones(len(texts))
    before = ""
    for i, text in enumerate(texts):
        said = text.strip()
        if said and said in told:
            found[i] = 0.0 if said == before else STOOD
        told.add(said)
        before = said
    return found


def untagged(text: str) -> str:
    """Return a stretch of HTML less its markup: what a reader sees, and what its links and fields name."""
    return _TAG.sub(lambda tag: f" {' '.join(_NAMING.findall(tag[0]))} ", text)


class Token(NamedTuple):
    """What one token of a text stands for."""

    terms: tuple[int, ...]
    values: tuple[int, ...]
    trouble: bool
    total: bool


def tokens_of(text: str) -> tuple[list[int], list[int]]:
    """Return the ids of a text's terms, repeats included, and of its values, each once."""
    found = [token_of(raw) for raw in TOKEN.findall(text) if len(raw) <= LONGEST]
    return [i for token in found for i in token.terms], list(
        {i: None for token in found for i in token.values}
    )


@lru_cache(maxsize=65536)
def token_of(raw: str) -> Token:
    """Return what a token stands for; worked out once, since most stand often."""
    if raw.replace(".", "", 1).isdecimal():
        number = (term_id(raw),)
        return Token(number, number if len(raw) > 1 else (), False, False)
    lower = raw.lower()
    terms = tuple(term_id(stem) for word in words(normal(raw)) for stem in terms_of(word))
    names = {lower, lower.lstrip("#")} if is_value(raw) else set()
    if "/" in raw:
        names.add(lower.rsplit("/", 1)[-1])
    if _JOINT.search(raw):
        names |= {part.lower() for part in _JOINT.split(raw) if is_value(part)}
    values = tuple(sorted(term_id(name) for name in names if len(name) > 1))
    terms += tuple(i for i in values if i not in terms)  # a name in full is rarer than its words
    trouble = lower in _TROUBLE or raw.endswith(("Error", "Exception"))
    return Token(terms, values, trouble, raw in _TOTALS or raw in ("Total", "TOTAL", "Ran"))


def is_value(raw: str) -> bool:
    """Return whether a token is one that a later step would copy: it has digits, parts, or case inside."""
    if len(raw) < 2:
        return False
    return _VALUE.search(raw) is not None or (raw.isupper() and len(raw) > 2)


def defined(pieces: Pieces) -> Scores:
    """Return 1 for each line that defines a name, shape (n,)."""
    if pieces.kind not in DEFINING:
        return np.zeros(len(pieces))
    return np.array(
        [float(DEFINITION.match(pieces.text, p.start, p.end) is not None) for p in pieces.all]
    )
