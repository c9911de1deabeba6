"""What is said in place of a model, before any API gives it its shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Speech:
    """A text, and what an answer says beside it."""

    text: str
    model: str
    created: int  # seconds since the epoch
    heard: int  # tokens of the prompt
    tokens: int  # of the text

    def words(self) -> Iterator[str]:
        """Yield the text word by word, each with the space before it."""
        first, *rest = self.text.split(" ")
        yield first
        yield from (f" {word}" for word in rest)
