"""Embedders: text to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from foveate.policies.types import Vectors


class Embedder(Protocol):
    """Turns texts into unit vectors. Built without I/O; `load` is called once, from a thread, before `embed`."""

    name: str  # of the model and its precision: vectors of different names are never compared

    def check(self) -> None:
        """Raise ConfigError where a file or package is missing or wrong; quick, called before anything is served."""

    def load(self) -> None:
        """Read the model; ConfigError where that cannot work."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dimensions), float32. Blocking; called from one thread at a time."""
