"""What signals read of a text, taken from it once."""

from __future__ import annotations

import re
from collections import Counter

from policies.types import Features

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\dA-Za-z_]+")
# A literal value, which a person would copy rather than rephrase: it has a digit, an inner mark or an inner capital.
_IDENTIFIER = re.compile(r"(?<![\w/.-])[#@~]?[\w][\w./:@#+-]*[\w]|(?<![\w.])/(?:[\w.-]+/)*[\w.-]+|(?<!\w)\d(?!\w)")
_INNER = re.compile(r"\d|[\w][./:@#_+-][\w]|[a-z][A-Z]")
_STOPWORDS = frozenset(
    "a an and are as at be been but by can could did do does for from had has have he her him his how i if in into is "
    "it its me my no not of on or our she so that the their them then there these they this to us was we were what "
    "when where which who whom why will with would you your".split()
)


def extract(text: str, name: str = "") -> Features:
    """Return the terms and identifiers of `text`."""
    terms = Counter(stem(w) for word in _WORD.findall(text) if (w := word.lower()) not in _STOPWORDS)
    identifiers = frozenset(found for found in _IDENTIFIER.findall(text) if _INNER.search(found))
    for identifier in identifiers:
        pieces = _PIECE.findall(identifier)
        if len(pieces) > 1:
            terms[identifier.lower()] += 1
            terms.update(stem(p.lower()) for p in pieces if not p.isdigit())
    return Features(terms=terms, length=terms.total(), identifiers=identifiers)


def stem(word: str) -> str:
    """Return `word` less its commonest English endings: enough that a plural or a past tense meets its stem."""
    if len(word) < 4 or not word.isascii():
        return word
    for ending, put in (("'s", ""), ("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: len(word) - len(ending)] + put
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word
