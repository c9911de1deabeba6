"""Embedders: text to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from foveate.policies.types import Vectors
from foveate.proxy.config.schema import EmbedderSettings
from foveate.proxy.importer import constructor, import_class

EMBEDDERS = {
    "onnx": "foveate.proxy.vectors.embedders.onnx:Onnx",
    "multilingual": "foveate.proxy.vectors.embedders.multilingual:Multilingual",
    "http": "foveate.proxy.vectors.embedders.http:HttpEmbedder",
    "sentence_transformers": "foveate.proxy.vectors.embedders.sentence_transformers:SentenceTransformers",
}
GIVEN = ("model", "url", "dimensions")  # settings that an embedder is built with


class Embedder(Protocol):
    """Turns texts into unit vectors. `load` is called once, before the others, from their thread.

    A class is built with the keywords `model`, `threads`, `url`, `key` and `dimensions`, as far as it takes
    them, and without I/O. One that costs money may count its `tokens`. One that several threads may call at
    once has `concurrent` true. One that knows some languages alone may say in `varied` how much variety its
    vectors have in these (`Shape`). Any method may raise: what fails is done without.
    """

    name: str  # of the model and its precision: vectors of different names are never compared
    reads: int  # characters of a text that it reads, about: what comes after them takes no time
    batch: int  # texts that take hardly longer together than one: 1 where each is computed by itself
    # Whether it embeds a query as any text, so that the latest turn's vector serves for both
    symmetric: bool

    def load(self) -> None:
        """Read the model; ConfigError where a file or package is missing or wrong."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dimensions), float32. Blocking; called from one
        thread at a time, unless it is `concurrent`.
        """

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Return the same of texts that ask for others; `embed` itself where the model is symmetric."""


def build_embedder(settings: EmbedderSettings) -> Embedder:
    """Return the embedder that the setting embedder.type names, not loaded; ConfigError where there is
    none.
    """
    given = settings.model_dump(include=set(GIVEN)) | {
        "key": settings.key.get_secret_value(),
        "threads": settings.threads or 1,
    }
    found = import_class("embedder.type", EMBEDDERS, settings.type)
    made: Embedder = constructor("embedder", found, given, settings.options)()
    return made
