"""Whose words the latest user turn asks about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foveate.policies.flow.shape import shape_of, speakers_of
from foveate.policies.language.persons import asked_role
from foveate.policies.language.words import normal, words
from foveate.policies.types import History, Scores


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
