"""Whose words a question asks about, by "you" and "I", in the languages that `cues/` describes."""

from __future__ import annotations

import re
from functools import lru_cache

from foveate.policies.language.cues import described, language_codes, within

ENGLISH = ("en",)


def asked_role(query: str) -> str:
    """Return the role whose words a query asks about, empty where it does not tell.

    What the assistant has said is asked for by a past tense after "you"; what the user has said, by any
    first person.
    """
    text = query.lower().replace("’", "'")
    codes = [code for code in language_codes(text) or ENGLISH if "of_user" in described()[code]]
    if any(of("of_assistant", code).search(text) for code in codes):
        return "assistant"
    return "user" if any(of("of_user", code).search(text) for code in codes) else ""


@lru_cache(maxsize=64)
def of(role: str, code: str) -> re.Pattern[str]:
    """Return the pattern of a language's phrases for a role."""
    return within(described()[code][role], code, ends=False)
