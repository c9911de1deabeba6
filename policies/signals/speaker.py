"""Whose words the latest user turn asks about."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from foveate.policies.flow.shape import shape_of, speakers_of
from foveate.policies.language.words import normal, words
from foveate.policies.types import History, Scores

# A past tense after "you" asks for what the assistant said; any first person asks for what the user
# said.
_ASKS_ASSISTANT = re.compile(
    r"\b(?:did|had|have|were) you\b"
    r"|\byou(?:'ve| have| had)?(?: also| just| previously| already| earlier)* "
    r"(?:\w+ed|said|told|gave|wrote|made|found|sent|showed|chose)\b"
    r"|\byour (?:answer|reply|response|suggestion|recommendation|advice|list|explanation)s?\b"
)
_ASKS_USER = re.compile(r"\b(?:i|i'm|i've|my|me|mine|myself|we|our|us)\b")


@dataclass(frozen=True, slots=True)
class Speaker:
    """Segments said by whom the query asks about: by name ("What did Ann say?"), or by person ("you",
    "my").

    Counts less where topics last: there the query asks about an exchange rather than about one message.
    """

    names: bool = True  # read names
    persons: bool = True  # read "you" and "my", where no names are given

    def score(self, history: History) -> Scores:
        """Return 1 - persistence for those segments, else 0, shape (n,)."""
        said = [False] * len(history.segments)
        labels = history.once(speakers_of)
        asked = f" {' '.join(words(normal(history.query_text.lower())))} "
        named = {
            label for label in set(labels) if label and f" {' '.join(words(normal(label)))} " in asked
        }
        if named and self.names:
            said = [label in named for label in labels]
        elif self.persons and not any(labels):
            role = asked_role(history.query_text)
            said = [s.role == role for s in history.segments]
        return np.array(said, dtype=float) * (1 - history.once(shape_of).persistence)


def asked_role(query: str) -> str:
    """Return the role whose words a query asks about, empty where it does not tell."""
    text = query.lower().replace("’", "'")
    return "assistant" if _ASKS_ASSISTANT.search(text) else "user" if _ASKS_USER.search(text) else ""
