"""The words by which a turn asks for something, or looks back, in the languages of `cues/`."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from foveate.policies.language.words import MARKS, STOPWORDS

FILES = ("latin", "cyrillic", "middle_east", "east_asia")
# Letters that tell which languages a text may be in.
SCRIPTS = (
    (re.compile("[\u3041-\u30ff]"), ("ja",)),
    (re.compile("^[^\u3041-\u30ff]*[\u3400-\u4dbf\u4e00-\u9fff][^\u3041-\u30ff]*$"), ("zh",)),
    (re.compile("[\uac00-\ud7a3]"), ("ko",)),
    (re.compile("[\u0e01-\u0e5b]"), ("th",)),
    (re.compile("[\u0904-\u0939]"), ("hi",)),
    (re.compile("[\u0620-\u064a]"), ("ar", "fa")),
    (re.compile("[\u05d0-\u05ea]"), ("he",)),
    (re.compile("[\u0370-\u03ff]"), ("el",)),
    (re.compile("[\u0400-\u052f]"), ("ru", "uk")),
    (
        re.compile("[a-z\u00df-\u024f\u1ea0-\u1eff]"),
        tuple("en de es fr it pt nl pl sv tr vi id".split()),
    ),
)
UNSPACED = ("zh", "ja", "ko", "th")
READ = 2000  # characters of a turn that tell its language
LITTLE = 3  # words: a shorter turn tells no language
_NEVER = re.compile(r"(?!)")
_WORD = re.compile(rf"[\w{MARKS}']+")


@dataclass(frozen=True, slots=True)
class Language:
    """What gives a turn away in one language; patterns are matched against lower-case text."""

    asks: re.Pattern[str]  # at the head of a sentence
    may_ask: re.Pattern[str]  # at the head of a sentence that no comma parts
    anywhere: re.Pattern[str]  # in a sentence
    looks_back: re.Pattern[str]

    def asking(self, sentence: str) -> bool:
        """Say whether a sentence asks for something, whatever mark it ends with."""
        if self.asks.match(sentence) or self.anywhere.search(sentence):
            return True
        return not re.search("[,،]", sentence) and self.may_ask.match(sentence) is not None


@lru_cache(maxsize=1)
def described() -> Mapping[str, Mapping[str, str | Sequence[str]]]:
    """Return what the files say of each language, by its code."""
    found: dict[str, Mapping[str, str | Sequence[str]]] = {}
    for name in FILES:
        found |= tomllib.loads(
            files("foveate.policies.language").joinpath("cues", f"{name}.toml").read_text("utf-8")
        )
    return found


@lru_cache(maxsize=64)
def language(code: str) -> Language:
    """Return the language of that code, its patterns compiled."""
    said = described()[code]
    ahead = "|".join(said.get("ahead", ())) or "(?!)"
    begins = rf"\W*(?:\w+: )?(?:(?:{ahead})\W+)*"
    return Language(
        within(said.get("asks", ()), code, begins),
        within(said.get("may_ask", ()), code, begins),
        within(said.get("anywhere", ()), code),
        within(said.get("looks_back", ()), code),
    )


@lru_cache(maxsize=64)
def common_words(code: str) -> Set[str]:
    """Return the words by which a language is known: its commonest ones, and its cues of one word."""
    said = described()[code]
    cues = {word for key in ("asks", "anywhere") for word in said.get(key, ()) if word.isalpha()}
    english = {word for word in STOPWORDS if len(word) > 2} if code == "en" else set()
    return cues | english | set(str(said["common"]).split())


def within(
    phrases: str | Sequence[str], code: str, begins: str = "", ends: bool = True
) -> re.Pattern[str]:
    """Return a pattern of any of the phrases, as whole words where the language parts its words; of
    words that may go on where it does not matter how they end.
    """
    if not phrases:
        return _NEVER
    any_of = f"(?:{'|'.join(phrases)})"
    if code in UNSPACED:
        return re.compile(begins + any_of)
    edge = rf"(?![\w{MARKS}])" if ends else ""
    return re.compile(rf"{begins}(?<![\w{MARKS}]){any_of}{edge}")


def languages_of(turn: str) -> tuple[Language, ...]:
    """Return the languages that a lower-case turn may be in, by its letters and words; none where
    nothing tells.
    """
    return tuple([language(code) for code in language_codes(turn)])


def language_codes(turn: str) -> tuple[str, ...]:
    """Return the codes of the languages that a lower-case turn may be in."""
    text = turn[:READ]
    words = _WORD.findall(text)
    found: list[str] = []
    for script, codes in SCRIPTS:
        if script.search(text):
            found += likeliest(words, codes) if len(codes) > 1 else codes
    return tuple(found)


def likeliest(words: Sequence[str], codes: Sequence[str]) -> list[str]:
    """Return which languages have most of the words among theirs; the first where it has, or the words
    are few.
    """
    counts = Counter(words)
    votes = [sum(counts[word] for word in common_words(code) & counts.keys()) for code in codes]
    most = max(votes)
    if votes[0] == most:
        return [codes[0]] if most or len(words) <= LITTLE else []
    return [code for code, number in zip(codes, votes, strict=True) if number == most]
