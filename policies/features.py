"""What signals read of a text, taken from it once."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache

import numpy as np

from foveate.policies.language.manners import manner_of
from foveate.policies.language.subject import subject_of
from foveate.policies.language.words import normal, terms_of, words
from foveate.policies.terms import term_id
from foveate.policies.types import Features

# A literal value, which a later step would copy rather than rephrase.
_VALUE = re.compile(r"[#@]?[A-Za-z0-9_]+(?:[-_.:/\\@+][A-Za-z0-9_]+)*+")
_SPEAKER = re.compile(r"\s*([A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,3}):\s")
_QUOTE = re.compile(r'"([^"\n]{12,200})"|“([^”\n]{12,200})”|^> ?(\S.{11,200})$', re.MULTILINE)
MAX_QUOTES = 16
MAX_COUNT = 65535
END = 64 * 1024  # characters that are read at either end of a text
LONGEST_WORD, LONGEST_VALUE = 64, 256  # characters


def both_ends(text: str) -> str:
    """Return what is read of a text: of a long one its beginning and its end."""
    return text if len(text) <= 2 * END else f"{text[:END]}\n{text[-END:]}"


def extract(text: str, name: str = "") -> Features:
    """Return what signals read of `text`, which the participant `name` has written: of a long one both
    its ends.
    """
    text = both_ends(text)
    plain = normal(text)
    terms: Counter[int] = Counter()
    for word, count in Counter(words(plain)).items():
        for term in _terms(word):
            terms[term] += count
    ids = sorted(terms)
    identifiers = dict.fromkeys(filter(None, map(_identifier, _VALUE.findall(plain))))
    quotes = dict.fromkeys("".join(found).lower().strip() for found in _QUOTE.findall(text))
    return Features(
        terms=np.array(ids, dtype=np.uint32),
        counts=np.array([min(terms[i], MAX_COUNT) for i in ids], dtype=np.uint16),
        length=terms.total(),
        values=np.array([term_id(value) for value in identifiers], dtype=np.uint32),
        written="\n".join(identifiers),
        speaker=_speaker_of(text, name),
        quotes=tuple(quotes)[:MAX_QUOTES],
        manner=manner_of(text),
    )


def extract_query(text: str) -> Features:
    """Return what signals read of a turn that asks: its terms are those of what it asks about."""
    whole = extract(text)
    about = subject_of(text)
    if about == text:
        return whole
    part = extract(about)
    return (
        replace(whole, terms=part.terms, counts=part.counts, length=part.length)
        if part.terms.size
        else whole
    )


def _terms(word: str) -> tuple[int, ...]:
    """Return the numbers of the terms that a word counts as; of what is too long for a word, that of
    all of it.

    What has digits in it is hardly met again: it is not remembered.
    """
    if len(word) > LONGEST_WORD:
        return (term_id(word),)
    return _known_terms(word) if word.isalpha() else _terms_of(word)


def _terms_of(word: str) -> tuple[int, ...]:
    return tuple([term_id(term) for term in terms_of(word)])


_known_terms = lru_cache(maxsize=16384)(_terms_of)


def _identifier(raw: str) -> str:
    """Return the identifier that a stretch of text is, lower case; empty where it is a plain word or
    encoded data.
    """
    if len(raw) > LONGEST_VALUE:
        return ""
    return _known_identifier(raw) if raw.isalpha() else _read_identifier(raw)


def _read_identifier(raw: str) -> str:
    value = raw.strip(".:/-")
    if len(value) < 2:
        return ""
    literal = (
        any(c.isdigit() for c in value)
        or "_" in value
        or "@" in value[1:]
        or ("/" in value and len(value) > 6)
    )
    return value.lstrip("#").lower() if literal or (value.isupper() and len(value) > 2) else ""


_known_identifier = lru_cache(maxsize=16384)(_read_identifier)


def _speaker_of(text: str, name: str) -> str:
    """Return who speaks, lower case: `name`, else a "Name: " at the head of the text, else empty."""
    if name:
        return name.replace("_", " ").lower()
    match = _SPEAKER.match(text)
    return match[1].lower() if match else ""
