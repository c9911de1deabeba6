"""What signals read of a text, taken from it once."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

import numpy as np

from foveate.policies.language.words import normal, terms_of, words
from foveate.policies.terms import term_id
from foveate.policies.types import Features, Manner

# A literal value, which a later step would copy rather than rephrase.
_VALUE = re.compile(r"[#@]?[A-Za-z0-9_]+(?:[-_.:/\\@+][A-Za-z0-9_]+)*")
_SPEAKER = re.compile(r"\s*([A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,3}):\s")
_QUOTE = re.compile(r'"([^"\n]{12,200})"|“([^”\n]{12,200})”|^> ?(\S.{11,200})$', re.MULTILINE)
MAX_QUOTES = 16
MAX_COUNT = 65535
END = 64 * 1024  # characters that are read at either end of a text
LONGEST_WORD, LONGEST_VALUE = 64, 256  # characters
LONGEST_DIRECTIVE = 2000  # characters: a longer text with such words in it is about something else
# What a directive's words are, and what any text with them has in it, lower case: looking for that is
# far quicker.
MANNERS = {
    Manner.INSTRUCTION: (
        (
            "always",
            "never",
            "t ever",
            "from now on",
            "going forward",
            "in all ",
            "in every ",
            "keep in mind",
            "remember that",
            "note that",
            "forget that",
        ),
        re.compile(
            r"\bfrom now on\b|\bgoing forward\b|\bin (?:all|every) (?:future )?(?:answers?|repl(?:y|ies)|responses?)\b"
            r"|(?:^|[.!?;:,]\s+|\bplease )(?:always|never|don't ever|do not ever) (?!mind\b)[a-z]+"
            r"|\byou (?:must|should|may) (?:always|never)\b|\bmake sure (?:to always|you always|you never)\b"
            r"|\b(?:keep in mind|remember|note|don't forget) that\b",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    Manner.PREFERENCE: (
        (
            "call me ",
            "my name is",
            "prefer",
            "allergic",
            "pronouns",
            "vegan",
            "vegetarian",
            "blind",
            "deaf",
            "left-",
        ),
        re.compile(
            r"\bcall me [A-Z]|\bmy name is\b|\bi(?: would|'d)? prefer\b|\bi(?:'m| am) allergic\b|\bmy pronouns\b"
            r"|\bi(?:'m| am) (?:a )?(?:vegan|vegetarian|colou?r-?blind|deaf|blind|left-handed)\b",
            re.IGNORECASE,
        ),
    ),
    Manner.CORRECTION: (
        (
            "wrong",
            "incorrect",
            "not right",
            "not correct",
            "not what i",
            "i meant",
            "actually,",
            "correction:",
        ),
        re.compile(
            r"\bthat(?:'s| is) (?:wrong|incorrect|not (?:right|correct|what i))"
            r"|\bi meant\b|^actually,|\bcorrection:",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
}


def extract(text: str, name: str = "") -> Features:
    """Return what signals read of `text`, which the participant `name` has written: of a long one both
    its ends.
    """
    if len(text) > 2 * END:
        text = f"{text[:END]}\n{text[-END:]}"
    plain = normal(text)
    terms: Counter[int] = Counter()
    for word, count in Counter(words(plain)).items():
        for term in _terms(word):
            terms[term] += count
    ids = sorted(terms)
    quotes = dict.fromkeys("".join(found).lower().strip() for found in _QUOTE.findall(text))
    return Features(
        terms=np.array(ids, dtype=np.uint32),
        counts=np.array([min(terms[i], MAX_COUNT) for i in ids], dtype=np.uint16),
        length=terms.total(),
        identifiers=tuple(
            dict.fromkeys(value for raw in _VALUE.findall(plain) if (value := _identifier(raw)))
        ),
        speaker=_speaker_of(text, name),
        quotes=tuple(quotes)[:MAX_QUOTES],
        manner=manner_of(text),
    )


def manner_of(text: str) -> Manner:
    """Return which kinds of directive a text's words may be."""
    if len(text) > LONGEST_DIRECTIVE:
        return Manner.NONE
    plain = text.replace("’", "'")
    lower = plain.lower()
    found = Manner.NONE
    for manner, (hints, pattern) in MANNERS.items():
        if any(hint in lower for hint in hints) and pattern.search(plain):
            found |= manner
    return found


def _terms(word: str) -> tuple[int, ...]:
    """Return the numbers of the terms that a word counts as; of what is too long for a word, that of
    all of it.
    """
    return _known_terms(word) if len(word) <= LONGEST_WORD else (term_id(word),)


@lru_cache(maxsize=16384)
def _known_terms(word: str) -> tuple[int, ...]:
    return tuple(term_id(term) for term in terms_of(word))


def _identifier(raw: str) -> str:
    """Return the identifier that a stretch of text is, lower case; empty where it is a plain word or
    encoded data.
    """
    return _known_identifier(raw) if len(raw) <= LONGEST_VALUE else ""


@lru_cache(maxsize=16384)
def _known_identifier(raw: str) -> str:
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


def _speaker_of(text: str, name: str) -> str:
    """Return who speaks, lower case: `name`, else a "Name: " at the head of the text, else empty."""
    if name:
        return name.replace("_", " ").lower()
    match = _SPEAKER.match(text)
    return match[1].lower() if match else ""
