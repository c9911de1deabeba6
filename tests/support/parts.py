"""Members of the product's seams, made for tests: an embedder that counts, indexes and embedders that fail."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from foveate.policies.types import Vectors
from foveate.proxy.errors import ConfigError
from foveate.proxy.vectors.indexes import Entry
from foveate.proxy.vectors.indexes.in_memory import InMemory

DIMENSIONS = 64


class WordEmbedder:
    """Words hashed into a few dimensions: quick, the same in every process, and it counts what it is asked for."""

    name = "words"
    reads = 1000
    batch = 1
    symmetric = True

    def __init__(self) -> None:
        self.texts: list[str] = []

    def load(self) -> None:
        """Need nothing."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector a text."""
        self.texts.extend(texts)
        return (
            np.stack([word_vector(text) for text in texts])
            if texts
            else np.zeros((0, DIMENSIONS), dtype=np.float32)
        )

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Return the same as `embed`."""
        return self.embed(texts)


def word_vector(text: str) -> NDArray[np.float32]:
    """Return the unit vector of a text's words."""
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    for word in re.findall(r"\w+", text.lower()):
        vector[hashlib.md5(word.encode("utf-8", "replace")).digest()[0] % DIMENSIONS] += 1
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector


class FailingEmbedder(WordEmbedder):
    """Raises whenever it is asked."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Fail."""
        raise RuntimeError("the model broke")


class UnloadableEmbedder(WordEmbedder):
    """Cannot be loaded."""

    def load(self) -> None:
        """Fail."""
        raise ConfigError("the model file is gone")


class FailingIndex(InMemory):
    """Cannot be read."""

    def ids(self) -> None:
        """Leave it to `get`."""

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Fail."""
        raise OSError("the disk broke")


class FullIndex(InMemory):
    """Can be read and not written, as on a full disk."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = threading.Event()

    def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Fail."""
        self.tried.set()
        raise OSError(28, "No space left on device")


class RecordingIndex(InMemory):
    """Notes who asked for what; it is asked for everything, as a server that others write to."""

    def ids(self) -> None:
        """Leave it to `get`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, set[str]]] = []
        self.found: list[tuple[str, set[str]]] = []
        self.stored: list[tuple[str, Entry]] = []

    def get(self, tenant: str, ids: Collection[str]) -> Mapping[str, Entry]:
        """Look up, and note it."""
        found = super().get(tenant, ids)
        self.asked.append((tenant, set(ids)))
        self.found.append((tenant, set(found)))
        return found

    def upsert(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Store, and note it."""
        self.stored.extend((tenant, entry) for entry in entries)
        super().upsert(tenant, entries)
