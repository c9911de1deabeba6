"""The words of a text in any script, and the terms that a word counts as."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from foveate.policies.language.stemming import stem, stem_foreign

STOPWORDS = frozenset(
    "a about above after again all also am an and any are as at be because been before being between both but by can "
    "could did do does doing done don down during each few for from further get got had has have having he her here "
    "hers him his how i if in into is it its itself just let like me more most my no nor not now of off on once only "
    "or other our out over own please said same say she should so some such than that the their them then there these "
    "they thing things this those through to too under until up us very was we well were what when where which while "
    "who whom why will with would yes yeah you your yours ok okay um uh mm hmm oh thanks thank s t re ve ll m d didn "
    "doesn isn wasn won couldn shouldn wouldn".split()
)
# Scripts that put no spaces between words, as ranges of a character class.
PAIRED = (  # Chinese, Japanese; Korean too, whose endings are many
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
# Thai, Lao, Burmese, Khmer: in an alphabet two letters say little
TRIPLED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
# Marks that belong to a word though they are no letters: accents, points, and the vowel signs of India.
MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0966-\u0dff"
)
_KANA = re.compile("[\u3041-\u30ff\u31f0-\u31ff]")
_JAPANESE = re.compile(  # katakana, hiragana, anything else
    "([\u30a0-\u30ff\u31f0-\u31ff]+)|([\u3041-\u309f]+)|([^\u3041-\u30ff\u31f0-\u31ff]+)"
)
ENDING = 2  # hiragana behind a character are its ending or a particle, mostly
_ASCII = re.compile(r"[A-Za-z0-9]+")
# Possessive: else each character of a long run takes a hundred bytes, to come back to
_WORD = re.compile(rf"([{PAIRED}]+)|([{TRIPLED}]+)|((?:[^\W_{PAIRED}{TRIPLED}]|[{MARKS}])++)")
_PLAIN = re.compile(r"[^\W_]+")
_SPECIAL = re.compile(f"[{PAIRED}{TRIPLED}{MARKS}]")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ZEROS = "٠۰०০੦૦௦౦೦൦๐໐၀០"
_DIGITS = {ord(zero) + digit: str(digit) for zero in _ZEROS for digit in range(10)}
_FOREIGN_DIGIT = re.compile("[" + "".join(map(chr, _DIGITS)) + "]")


def normal(text: str) -> str:
    """Return a text with one form for what has several: full-width letters, digits of any script."""
    if text.isascii():
        return text
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return text.translate(_DIGITS) if _FOREIGN_DIGIT.search(text) else text


def words(text: str) -> list[str]:
    """Return the words of a text in its `normal` form, repeats included; without spaces, its pairs of
    characters.
    """
    if text.isascii():
        return _ASCII.findall(text)
    if not _SPECIAL.search(text):
        return _PLAIN.findall(text)
    found = []
    for paired, tripled, word in _WORD.findall(text):
        if word:
            found.append(word)
        else:
            found.extend(_paired(paired) if paired else _pieces(tripled, 3))
    return found


def _paired(run: str) -> Iterable[str]:
    """Return the pairs of characters of a run; of Japanese the words that its scripts part."""
    return _japanese(run) or _pieces(run, 2) if _KANA.search(run) else _pieces(run, 2)


def _japanese(run: str) -> list[str]:
    """Return words in katakana as wholes, the pairs of all else, endings and particles left out."""
    found: list[str] = []
    for katakana, hiragana, other in _JAPANESE.findall(run):
        if katakana:
            found.append(katakana)
        elif other or len(hiragana) > ENDING:
            found.extend(_pieces(other or hiragana, 2))
    return found


def _pieces(run: str, length: int) -> Iterator[str]:
    """Return every stretch of `length` characters, or the whole where it is shorter."""
    if len(run) <= length:
        return iter((run,))
    return (run[i : i + length] for i in range(len(run) - length + 1))


def terms_of(word: str) -> tuple[str, ...]:
    """Return the terms that a word counts as: its stem, and those of its camelCase pieces; none for a
    stopword.
    """
    lower = word.lower()
    if lower in STOPWORDS:
        return ()
    if not lower.isascii():
        return (stem_foreign(lower),)
    if not lower.isalpha():
        return (lower,)
    if word.islower() or word.isupper() or word[1:].islower() or len(word) == 1:
        return (stem(lower),)
    return (stem(lower), *(stem(piece.lower()) for piece in _CAMEL.findall(word)))
