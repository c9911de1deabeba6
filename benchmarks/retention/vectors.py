"""An embedder that remembers on disk, so that a run does not embed half a million tokens again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foveate.policies.types import Vectors
from foveate.proxy.vectors.embedders import Embedder


class Stored:
    """Wraps an embedder; vectors live in one .npz file, by a hash of the model and the text."""

    def __init__(self, embedder: Embedder, path: Path) -> None:
        self.name = embedder.name
        self.reads = embedder.reads
        self.batch = embedder.batch
        self.symmetric = embedder.symmetric
        self.varied = float(getattr(embedder, "varied", 0.0))
        self._embedder = embedder
        self._path = path
        self._loaded = False
        self._known: dict[str, np.ndarray] = {}
        if path.is_file():
            with np.load(path) as stored:
                self._known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
        self._read = len(self._known)

    def load(self) -> None:
        """Leave the model on disk until a text is new."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, one a text."""
        keys = [self._key(text) for text in texts]
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if fresh:
            self._load()
            self._known.update(zip(fresh, self._embedder.embed(list(fresh.values())), strict=True))
        return np.stack([self._known[key] for key in keys])

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Return the same of texts that ask; these are not stored."""
        self._load()
        return self._embedder.embed_queries(texts)

    def _load(self) -> None:
        if not self._loaded:
            self._embedder.load()
            self._loaded = True

    def _key(self, text: str) -> str:
        said = f"{self.name}\0{text}".encode("utf-8", "replace")
        return hashlib.blake2b(said, digest_size=16).hexdigest()

    def save(self) -> None:
        """Write what is new."""
        if len(self._known) > self._read:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                self._path,
                keys=np.array(list(self._known)),
                vectors=np.stack(list(self._known.values())),
            )
