"""Stems: what is left of a word without the endings that its script's languages are rich in."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

ENGLISH = (
    "ational", "ization", "fulness", "ingly", "ation", "ness", "ment", "edly", "ing", "ful", "ity", "ed", "er", "ly"
)  # fmt: skip
# Endings of Russian and Ukrainian nouns, adjectives and verbs; the longest that leaves three letters
# goes.
CYRILLIC = (
    "иями ями ами ией ого его ому ему ыми ими ий ый ой ей ая яя ое ее ие ые их ых ым им ом ем ам ям ах ях ую юю ия ии "
    "ию ью ев ов а я о е и ы у ю ь й і ї є ться тся ешь ишь ете ите ают яют уют ют ут ат ят ает яет ует ет ит ал ял ил "
    "ел ала яла ила ела али яли или ели ало ило ать ять ить еть ти ла ли ло л сь ся"
).split()
# Prefixes and endings of Arabic words (Larkey et al. 2002, light stemming).
ARABIC_AHEAD = ("وال", "بال", "كال", "فال", "ال", "لل", "و")
ARABIC_BEHIND = ("ها", "ان", "ات", "ون", "ين", "يه", "ية", "ه", "ة", "ي")
# Endings of Hindi words (Ramanathan and Rao 2003, a lightweight stemmer): vowel signs with what follows
# them.
HINDI = re.compile("(?:[\u093e-\u094c]|ियाँ?|ियों|[ाेी]?ओं|एं|ों|ें|ीं|[ाीेुूोै][ँंः]?|ता|ते|ती|ना|ने|नी)$")
_ALEF = str.maketrans("أإآٱىةؤئ", "ااااي" + "هوي")
_POINTS = re.compile("[\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
_FOLDED = re.compile("[\u0300-\u036f\u0483-\u0487]")


@lru_cache(maxsize=32768)
def stem(word: str) -> str:
    """Return a lower-case word less its commonest English endings: far lighter than Porter, and enough
    here.
    """
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith("sses"):
        word = word[:-2]
    elif len(word) > 3 and word[-1] == "s" and word[-2] not in "su":
        word = word[:-1]
    for suffix in ENGLISH if word.endswith(ENGLISH) else ():
        if len(word) - len(suffix) >= 4 and word.endswith(suffix):
            word = word[: -len(suffix)]
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    if len(word) > 3 and word[-1] == "e":
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word[-1] == "y" else word


def stem_foreign(word: str) -> str:
    """Return the stem of a lower-case word beyond ASCII, by the script of its first letter."""
    first = word[0]
    if "\u0400" <= first <= "\u052f":
        return without_ending(folded(word), CYRILLIC_LONGEST_FIRST, 3)
    if "\u0600" <= first <= "\u06ff":
        return stem_arabic(_POINTS.sub("", word))
    if "\u0900" <= first <= "\u097f":
        return stem_hindi(word)
    if "\u0590" <= first <= "\u05ff":
        return _POINTS.sub("", word)
    return stem(folded(word)) if first < "\u0250" else folded(word)


CYRILLIC_LONGEST_FIRST = tuple(sorted(CYRILLIC, key=len, reverse=True))


def folded(word: str) -> str:
    """Return a word without its accents, which people leave out where they type fast."""
    return _FOLDED.sub("", unicodedata.normalize("NFD", word))


def without_ending(word: str, endings: tuple[str, ...], least: int) -> str:
    """Return a word less the first of `endings` that leaves at least `least` letters."""
    for ending in endings:
        if len(word) - len(ending) >= least and word.endswith(ending):
            return word[: -len(ending)]
    return word


def stem_arabic(word: str) -> str:
    """Return an Arabic word without article, conjunction and commonest endings, its spelling variants
    made one.
    """
    word = word.translate(_ALEF)
    for ahead in ARABIC_AHEAD:
        if len(word) - len(ahead) >= 3 and word.startswith(ahead):
            word = word[len(ahead) :]
            break
    return without_ending(word, ARABIC_BEHIND, 3)


def stem_hindi(word: str) -> str:
    """Return a Hindi word without the vowel signs that end its forms."""
    found = HINDI.search(word)
    return word[: found.start()] if found and found.start() >= 2 else word
