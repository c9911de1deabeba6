"""What the pieces of a result say, read once: their words, the values that they carry, and the cues in
them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.policies.results.pieces.alike import templates
from foveate.policies.results.pieces.concordance import Concordance
from foveate.policies.results.pieces.kinds import DEFINITION
from foveate.policies.results.pieces.piece import Pieces
from foveate.policies.results.pieces.reports import failures
from foveate.policies.results.pieces.tokens import said_by
from foveate.policies.types import Places, Scores

_TAG = re.compile(r"<[/!]?[A-Za-z][^<>]*>?|&[a-z]{2,8};")
_NAMING = re.compile(
    r"\b(?:href|src|action|id|name|value|alt|title|placeholder|content)\s*=\s*[\"']([^\"']*)",
    re.IGNORECASE,
)
REPEATING = frozenset({"log", "text", "html", "table"})  # kinds in which what is said again is no news
DEFINING = frozenset({"code", "diff", "text"})  # kinds whose lines may define a name
SHORTEST = 60  # characters of a piece that are read in any case
STOOD = 0.3  # of what a text counts that stood there word for word before
_READ = 1_000_000  # characters of a result: of a longer one the beginning of each piece must do


@dataclass(frozen=True, slots=True)
class Reading:
    """What scoring needs of the pieces of one result."""

    terms: Concordance
    values: Concordance  # ids of identifiers, paths, numbers, names in code
    size: Scores  # characters of each piece, shape (n,); of one that holds others those around them
    leaf: NDArray[np.bool_]  # whether it holds no other
    failure: Scores  # 1 where a line reports a failure, less where it says it again, shape (n,)
    trouble: Scores  # 1 where a word of trouble stands
    total: Scores  # 1 where something is summed up
    repeats: Scores  # how many pieces say the same but for their numbers, itself included
    fresh: Scores  # 1, less where an earlier piece says the very same, 0 right behind it
    definition: Scores  # 1 where code defines a name
    parent: Places  # the piece that each stays with, -1 at the top
    kin: Places  # the piece whose worth it shares: its heading, in JSON the object around it; -1 for none
    # How much of each piece's own worth is left where others say the same, at most 1
    novelty: Scores


def reading_of(pieces: Pieces) -> Reading:
    """Return what the pieces of a result say."""
    n = len(pieces)
    leaf = np.ones(n, dtype=bool)
    leaf[[p.parent for p in pieces.all if p.parent >= 0 and pieces.kind == "json"]] = False
    texts = own_texts(pieces)
    size = np.array([len(text) for text in texts], dtype=float)
    if pieces.kind == "html":
        texts = [untagged(text) for text in texts]
    said = said_by(texts, max(SHORTEST, _READ // max(1, n)))
    repeating = pieces.kind in REPEATING
    alike = repeats(texts) if repeating else np.ones(n)
    new = fresh(texts) if repeating else np.ones(n)
    parent = np.array([p.parent for p in pieces.all], dtype=np.intp)
    return Reading(
        said.terms,
        said.values,
        size,
        leaf,
        failure=failures(texts) * leaf,
        trouble=said.trouble * leaf.astype(float),
        total=said.total * leaf.astype(float),
        repeats=alike,
        fresh=new,
        definition=defined(pieces) * leaf,
        parent=parent,
        kin=kin_of(pieces, parent),
        novelty=alike**-0.5 * new,
    )


def kin_of(pieces: Pieces, parent: Places) -> Places:
    """Return the piece whose worth each shares, -1 for none, shape (n,)."""
    if pieces.kind != "json":
        return parent
    objects = np.array([p.form == "object" for p in pieces.all], dtype=bool)
    return np.where((parent >= 0) & objects[parent], parent, -1)


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
    found = templates(texts)
    counts = Counter(found)
    return np.array([counts[template] for template in found], dtype=float)


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


def defined(pieces: Pieces) -> Scores:
    """Return 1 for each line that defines a name, shape (n,)."""
    if pieces.kind not in DEFINING:
        return np.zeros(len(pieces))
    return np.array(
        [float(DEFINITION.match(pieces.text, p.start, p.end) is not None) for p in pieces.all]
    )
