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
_EASTERN = re.compile("[\u3041-\ud7a3]")  # Japanese, Chinese, Korean
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

    # Where words are parted: by the first letters of a word, how it goes on, and whose it is.
    stems: Mapping[str, Sequence[tuple[str, Wording]]]
    heads: Mapping[str, Sequence[tuple[str, Wording]]]  # where they are not: by the first letter

    def likely(self, lower: str) -> list[Wording]:
        """Return those that may find something in a lower-case text."""
        found: list[Wording] = []
        words = set(_WORD.findall(lower))
        for stem in {word[:STEM] for word in words} & self.stems.keys():
            begun = [word for word in words if word.startswith(stem)]
            for hint, wording in self.stems[stem]:
                if wording not in found and any(word.startswith(hint) for word in begun):
                    found.append(wording)
        for head in set(lower) & self.heads.keys() if _EASTERN.search(lower) else ():
            for hint, wording in self.heads[head]:
                if wording not in found and hint in lower:
                    found.append(wording)
        return found


@lru_cache(maxsize=1)
def wordings() -> Wordings:
    """Return those of all languages that have any."""
    stems: dict[str, list[tuple[str, Wording]]] = {}
    heads: dict[str, list[tuple[str, Wording]]] = {}
    for code, said in described().items():
        if "hints" not in said:
            continue
        wording = wording_of(code, said)
        if code in UNSPACED:
            for hint in wording.hints:
                heads.setdefault(hint[0], []).append((hint, wording))
            continue
        for hint in {max(_WORD.findall(hint), key=len) for hint in wording.hints}:
            stems.setdefault(hint[:STEM], []).append((hint, wording))
    return Wordings(stems, heads)


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
