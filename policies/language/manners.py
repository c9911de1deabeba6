"""Standing instructions, preferences and corrections, in the languages that `cues/` describes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from foveate.policies.language.cues import UNSPACED, described
from foveate.policies.language.words import MARKS
from foveate.policies.types import Manner

LONGEST = 1000  # characters: a longer text with such words in it is about something else
# By what the files call them; those that stand at the head of a sentence alone have a list of their own.
KINDS = {
    "instruct": Manner.INSTRUCTION,
    "prefers": Manner.PREFERENCE,
    "corrects": Manner.CORRECTION,
}
_MARK = "[.!?;:,。！？؟،।]"
FIRST = rf"(?:^|(?<={_MARK})|(?<={_MARK}\s)|(?<={_MARK}\s\s))"


_WORD = re.compile(rf"[\w{MARKS}]+")
LETTERS = {  # without which a text is not in the language
    "zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"),
    "ja": re.compile("[\u3041-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7a3]"),
}
_EASTERN = re.compile("[\u3041-\ud7a3]")
STEM = 5  # letters by which a word is looked for


@dataclass(frozen=True, slots=True)
class Wording:
    """How one language says it."""

    hints: tuple[str, ...]  # what any text with such words has in it, lower case
    patterns: Mapping[Manner, re.Pattern[str]]

    def manner_of(self, lower: str) -> Manner:
        """Return which kinds of directive a lower-case text's words may be."""
        found = Manner.NONE
        for manner, pattern in self.patterns.items():
            if pattern.search(lower):
                found |= manner
        return found


@dataclass(frozen=True, slots=True)
class Wordings:
    """Those of all languages, and what a text has to have in it for one to be worth a look."""

    stems: Mapping[str, Sequence[Wording]]  # where words are parted
    unspaced: Mapping[str, Wording]  # by the code of the language

    def likely(self, lower: str) -> list[Wording]:
        """Return those that may find something in a lower-case text."""
        found: list[Wording] = []
        for stem in {word[:STEM] for word in _WORD.findall(lower)} & self.stems.keys():
            found += [wording for wording in self.stems[stem] if wording not in found]
        for code, wording in self.unspaced.items() if _EASTERN.search(lower) else ():
            if LETTERS[code].search(lower) and any(hint in lower for hint in wording.hints):
                found.append(wording)
        return found


@lru_cache(maxsize=1)
def wordings() -> Wordings:
    """Return those of all languages that have any."""
    stems: dict[str, list[Wording]] = {}
    unspaced = {}
    for code, said in described().items():
        if "hints" not in said:
            continue
        wording = wording_of(code, said)
        if code in UNSPACED:
            unspaced[code] = wording
            continue
        for stem in {max(_WORD.findall(hint), key=len)[:STEM] for hint in wording.hints}:
            stems.setdefault(stem, []).append(wording)
    return Wordings(stems, unspaced)


def wording_of(code: str, said: Mapping[str, str | Sequence[str]]) -> Wording:
    """Return what is said of the language `code`, its patterns compiled."""
    edge = "" if code in UNSPACED else rf"\b(?<![\w{MARKS}])"
    patterns = {}
    for name, manner in KINDS.items():
        anywhere, first = "|".join(said.get(name, ())), "|".join(said.get(f"{name}_first", ()))
        wording = f"{anywhere}|{FIRST}(?:{first})" if first else anywhere
        patterns[manner] = re.compile(f"{edge}(?:{wording})", re.MULTILINE)
    return Wording(tuple(said["hints"]), patterns)


def manner_of(text: str) -> Manner:
    """Return which kinds of directive a text's words may be, in whatever language."""
    if len(text) > LONGEST:
        return Manner.NONE
    lower = text.lower().replace("’", "'")
    found = Manner.NONE
    for wording in wordings().likely(lower):
        found |= wording.manner_of(lower)
    return found
