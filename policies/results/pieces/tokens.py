"""The tokens of texts: the terms and values that each stands for, and the cues in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foveate.policies.language.words import normal, terms_of, words
from foveate.policies.results.pieces.concordance import Concordance, concordance, spans
from foveate.policies.terms import begins_of, term_id
from foveate.policies.types import Places

LONGEST = 120  # characters of a token: a longer one is data that nobody names
TOKEN = re.compile(r"[#@]?\w++(?:[-.:/\\@+]\w++)*+")
APART = "\x00"  # between texts that are read at once; part of no token
_PARTED = re.compile(f"{TOKEN.pattern}|{APART}")
_ASCII = re.compile(_PARTED.pattern, re.ASCII)  # a third faster
_JOINT = re.compile(r"[-.:/\\@+]")
_VALUE = re.compile(r"[_@/.:\\\-\d]|[a-z][A-Z]|[A-Z]{2}[a-z]")  # parts, digits, case inside
# Words of a line that speaks of trouble, and of one that sums up.
_TROUBLE = frozenset(
    "error errors exception exceptions traceback fail failed failure failures fails failing fatal panic denied missing "
    "undefined cannot unable invalid mismatch conflict conflicts refused timeout".split()
)
_TOTALS = frozenset(
    "total totals Total TOTAL sum summary passed failed skipped matches found changed rows results ran Ran".split()
)


class Token(NamedTuple):
    """What one token of a text stands for."""

    terms: tuple[int, ...]
    values: tuple[int, ...]
    trouble: bool
    total: bool


class Said(NamedTuple):
    """What the tokens of several texts stand for."""

    terms: Concordance
    values: Concordance
    trouble: NDArray[np.bool_]  # whether a text has a word of trouble, shape (texts,)
    total: NDArray[np.bool_]  # or one that sums up


NOTHING = Token((), (), False, False)


def said_by(texts: Sequence[str], longest: int) -> Said:
    """Return what the first `longest` characters of each text say.

    A token is looked up once for all texts, and laid out where it stands by numpy: a result of 20,000
    tokens has some hundred different ones.
    """
    flat = _parted(texts, longest)
    numbers = {raw: i for i, raw in enumerate(dict.fromkeys(chain((APART,), flat)))}
    known = [token_of(raw) if len(raw) <= LONGEST else NOTHING for raw in numbers]
    known[0] = NOTHING
    which = np.fromiter(map(numbers.__getitem__, flat), np.intp, len(flat))
    del flat  # the strings take most of the memory
    place = np.cumsum(which == 0)
    trouble, total = np.zeros((2, len(texts)), dtype=bool)
    trouble[place[np.array([token.trouble for token in known], dtype=bool)[which]]] = True
    total[place[np.array([token.total for token in known], dtype=bool)[which]]] = True
    return Said(
        _laid_out([token.terms for token in known], which, place),
        _laid_out([token.values for token in known], which, place),
        trouble,
        total,
    )


def _parted(texts: Sequence[str], longest: int) -> list[str]:
    """Return the tokens of the first `longest` characters of each text, in one list, with what parts
    the texts.
    """
    begins = [text[:longest] for text in texts]
    whole = APART.join(begins)
    if whole.count(APART) >= len(texts) > 0:
        whole = APART.join([begin.replace(APART, " ") for begin in begins])
    return (_ASCII if whole.isascii() else _PARTED).findall(whole)


def _laid_out(ids: Sequence[tuple[int, ...]], which: Places, place: Places) -> Concordance:
    """Return where the ids of tokens stand, given for every occurrence of a token which it is and its text."""
    sizes = np.array([len(some) for some in ids], dtype=np.intp)
    table = np.fromiter(chain.from_iterable(ids), np.uint32, int(sizes.sum()))
    return concordance(
        table, spans(begins_of(sizes)[which], sizes[which]), np.repeat(place, sizes[which])
    )


def tokens_of(text: str) -> tuple[list[int], list[int]]:
    """Return the ids of a text's terms, repeats included, and of its values, each once."""
    found = [token_of(raw) for raw in TOKEN.findall(text) if len(raw) <= LONGEST]
    return [i for token in found for i in token.terms], list(
        {i: None for token in found for i in token.values}
    )


@lru_cache(maxsize=65536)
def token_of(raw: str) -> Token:
    """Return what a token stands for; worked out once, since most stand often."""
    if raw[1:].islower() and raw.isalpha() and raw.isascii():  # a plain word
        return Token(_ids_of(raw), (), raw.lower() in _TROUBLE, raw in _TOTALS)
    if raw.replace(".", "", 1).isdecimal():
        number = (term_id(raw),)
        return Token(number, number if len(raw) > 1 else (), False, False)
    lower = raw.lower()
    terms = list(chain.from_iterable(map(_ids_of, words(normal(raw)))))
    values = set(map(_value_of, _JOINT.split(raw)))
    if is_value(raw):
        values.add(term_id(lower))
        if raw[0] == "#":
            values.add(_id_of(lower.lstrip("#")))
    if "/" in raw:
        values.add(_id_of(lower[lower.rindex("/") + 1 :]))
    values.discard(0)
    terms += values.difference(terms)  # a name in full is rarer than its words
    trouble = lower in _TROUBLE or raw.endswith(("Error", "Exception"))
    return Token(tuple(terms), tuple(sorted(values)), trouble, raw in _TOTALS)


@lru_cache(maxsize=65536)
def _ids_of(word: str) -> tuple[int, ...]:
    """Return the ids of the terms that a word counts as."""
    return tuple([term_id(term) for term in terms_of(word)])


@lru_cache(maxsize=65536)
def _value_of(part: str) -> int:
    """Return the id of a part of a token that is a value by itself, 0 for any other."""
    return term_id(part.lower()) if is_value(part) else 0


def _id_of(name: str) -> int:
    """Return the id of a name, 0 for one of a single character."""
    return term_id(name) if len(name) > 1 else 0


def forget_tokens() -> None:
    """Forget all tokens that were looked up."""
    for known in (token_of, _ids_of, _value_of):
        known.cache_clear()


def is_value(raw: str) -> bool:
    """Say whether a later step would copy a token: it has digits, parts, or case inside."""
    if len(raw) < 2:
        return False
    return _VALUE.search(raw) is not None or (raw.isupper() and len(raw) > 2)
