"""How one person types: in lower case or not, with their short forms, errors and emoji."""

from __future__ import annotations

import random
import re

SHORT = {
    "you": "u", "are": "r", "your": "ur", "because": "bc", "tomorrow": "tmrw", "thanks": "thx", "please": "pls",
    "though": "tho", "people": "ppl", "really": "rly", "going to": "gonna", "want to": "wanna", "to be honest": "tbh",
    "i do not know": "idk", "i don't know": "idk", "weekend": "wknd", "birthday": "bday", "about": "abt",
    "probably": "prob", "with": "w", "great": "gr8", "before": "b4", "tonight": "tonite", "okay": "ok",
}  # fmt: skip
EMOJI = ("😂", "😊", "❤️", "😭", "🙈", "👍", "🎉", "🔥", "😅", "🥰", "💪", "🙏")
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
ERROR = 0.03  # words of four letters and more that are mistyped


class Typist:
    """One person's habits."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._lower = rng.random() < 0.75
        self._short = rng.uniform(0.1, 0.5)
        self._emoji = rng.uniform(0.03, 0.2)
        self._errors = ERROR * rng.uniform(0.5, 1.5)

    def typed(self, text: str) -> str:
        """Return a text as this person would type it; what stands in brackets is not typed."""
        if text.startswith("["):
            return text
        rng = self._rng
        text = text.lower() if self._lower else text
        for long, short in SHORT.items():
            if rng.random() < self._short:
                text = re.sub(rf"(?i)\b{long}\b", short, text)
        text = re.sub(r"\w{4,}", lambda m: self._word(m[0]), text)
        if rng.random() < 0.5:
            text = text.replace("'", "").replace("’", "")
        text = re.sub(r"[.!]+$", "" if rng.random() < 0.8 else "!!", text)
        return f"{text} {rng.choice(EMOJI)}" if rng.random() < self._emoji else text

    def _word(self, word: str) -> str:
        rng = self._rng
        if rng.random() >= self._errors or not word.isalpha():
            return word
        at = rng.randrange(1, len(word) - 1)
        match rng.randrange(4):
            case 0:
                return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            case 1:
                return word[:at] + word[at + 1 :]
            case 2:
                return word[:at] + word[at] + word[at:]
            case _:
                return word[:at] + neighbour(word[at], rng) + word[at + 1 :]


def neighbour(letter: str, rng: random.Random) -> str:
    """Return a letter beside another one on the keyboard."""
    row = next((row for row in ROWS if letter in row), letter)
    at = row.find(letter) + rng.choice((-1, 1))
    return row[at] if 0 <= at < len(row) else letter
