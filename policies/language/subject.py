"""What a question is about: its text less the words by which its language asks."""

from __future__ import annotations

import re
from collections.abc import Set

from foveate.policies.language.cues import UNSPACED, common_words, language, language_codes
from foveate.policies.language.words import MARKS

_WORD = re.compile(rf"[\w{MARKS}']+")


def subject_of(text: str) -> str:
    """Return a question less what its language asks with; English is left to its stopwords.

    "Who" and "how many" are rare in what people tell, so by their rarity they would count like names.
    """
    for code in language_codes(text.lower()):
        if code in UNSPACED:
            text = language(code).anywhere.sub(" ", text)
        elif code != "en":
            text = _less(text, common_words(code))
    return text


def _less(text: str, common: Set[str]) -> str:
    """Return a text without the words that are common."""
    return _WORD.sub(lambda found: "" if found[0].lower() in common else found[0], text)
