"""Standing instructions of the user, which outlive any similarity."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from policies.shape import speakers_of
from policies.types import History, Scores

_INSTRUCTION = re.compile(
    r"\bfrom now on\b|\bgoing forward\b|\bin (?:all|every) (?:future )?(?:answers?|repl(?:y|ies)|responses?)\b"
    r"|(?:^|[.!?;:,]\s+|\bplease )(?:always|never|don't ever|do not ever) (?!mind\b)[a-z]+"
    r"|\byou (?:must|should|may) (?:always|never)\b|\bmake sure (?:to always|you always|you never)\b"
    r"|\b(?:keep in mind|remember|note|don't forget) that\b",
    re.IGNORECASE | re.MULTILINE,
)
_PREFERENCE = re.compile(
    r"\bcall me [A-Z]|\bmy name is\b|\bi(?: would|'d)? prefer\b|\bi(?:'m| am) allergic\b|\bmy pronouns\b"
    r"|\bi(?:'m| am) (?:a )?(?:vegan|vegetarian|colou?r-?blind|deaf|blind|left-handed)\b",
    re.IGNORECASE,
)
_CORRECTION = re.compile(
    r"\bthat(?:'s| is) (?:wrong|incorrect|not (?:right|correct|what i))|\bi meant\b|^actually,|\bcorrection:",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Directive:
    """Short user messages that tell the assistant how to behave, who the user is, or that something was wrong.

    Not where messages carry the names of speakers: there people talk to each other.
    """

    instruction: float = 1.0
    preference: float = 1.0
    correction: float = 0.5
    longest: int = 120  # tokens: a longer message with such words in it is about something else

    def score(self, history: History) -> Scores:
        """Return the largest constant that applies, 0 where none does, shape (n,)."""
        scores = np.zeros(len(history.segments))
        if not any(history.once(speakers_of)):
            for i, segment in enumerate(history.segments):
                if segment.role == "user" and segment.tokens <= self.longest:
                    scores[i] = self._of(segment.text)
        return scores

    def _of(self, text: str) -> float:
        text = text.replace("’", "'")
        found = [
            value
            for value, pattern in (
                (self.instruction, _INSTRUCTION), (self.preference, _PREFERENCE), (self.correction, _CORRECTION)
            )
            if pattern.search(text)
        ]  # fmt: skip
        return max(found, default=0.0)
