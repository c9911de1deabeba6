"""Any model of sentence-transformers, on torch: the extra `foveate[sentence-transformers]`."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from foveate.policies.types import Vectors
from foveate.proxy.errors import ConfigError

# Attention's memory grows with the batch, and on a CPU larger ones are no faster.
BATCH = 8


class _Model(Protocol):
    """What is used of a SentenceTransformer."""

    default_prompt_name: str | None

    def encode(
        self,
        inputs: list[str],
        *,
        batch_size: int,
        show_progress_bar: bool,
        convert_to_numpy: bool,
        normalize_embeddings: bool,
    ) -> NDArray[np.float32]:
        """Return one vector for each text."""


class SentenceTransformers:
    """Sentence embeddings of a model in a folder, or in the Hugging Face cache under its name; never
    downloaded.

    A model that tells queries from passages, as E5 does, is told which is which by what stands ahead of
    each: `query_prefix` and `text_prefix` (Wang et al. 2022, E5); without them the prompts that its own
    settings name `query`, and `passage` or `document`.
    """

    reads = 1000
    batch = 1

    def __init__(
        self, model: str, threads: int = 1, query_prefix: str = "", text_prefix: str = ""
    ) -> None:
        self._place = model
        self._threads = threads
        self._query_prefix = query_prefix
        self._text_prefix = text_prefix
        self.symmetric = query_prefix == text_prefix
        self.name = _name_of(model, text_prefix)

    def load(self) -> None:
        """Import the package and read the model; ConfigError where either is not installed."""
        if not self._place:
            raise ConfigError(
                "embedder.model is empty; name a model of sentence-transformers or its folder"
            )
        # Read when these packages are imported, which takes seconds and 400 MB.
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ConfigError(
                f"embedder.type sentence_transformers: {error.msg}; pip install 'foveate[sentence-transformers]'"
            ) from None
        torch.set_num_threads(self._threads)
        try:
            self._model: _Model = SentenceTransformer(
                folder_of(self._place), device="cpu", local_files_only=True
            )
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"embedder.model {self._place} is neither the folder of a model nor one in the Hugging Face cache "
                f"({first_line(error)}); name its folder, or fetch one with: hf download OWNER/NAME"
            ) from None
        self._read_prompts()
        self._dimensions = self._encode([""]).shape[1]

    def _read_prompts(self) -> None:
        """Take the model's own prompts where none are set; they are put ahead of texts here alone."""
        prompts = getattr(self._model, "prompts", None) or {}
        self._model.default_prompt_name = None
        if self._query_prefix or self._text_prefix:
            return
        self._query_prefix = prompts.get("query") or ""
        self._text_prefix = prompts.get("passage") or prompts.get("document") or ""
        self.symmetric = self._query_prefix == self._text_prefix

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), the model's dimensions), float32."""
        return self._prefixed(self._text_prefix, texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Return the same of texts that ask for others."""
        return self._prefixed(self._query_prefix, texts)

    def _prefixed(self, prefix: str, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self._dimensions), dtype=np.float32)
        # The tokenizer refuses lone surrogates.
        return self._encode([prefix + text.encode("utf-8", "replace").decode() for text in texts])

    def _encode(self, texts: list[str]) -> Vectors:
        vectors = self._model.encode(
            texts,
            batch_size=BATCH,
            show_progress_bar=False,
            convert_to_numpy=True,
            normalize_embeddings=True,
        )
        return np.asarray(vectors, dtype=np.float32)


def folder_of(model: str) -> str:
    """Return the folder of a model that is here; OSError or ValueError where it is not.

    sentence-transformers would look a name up on the network when huggingface_hub was imported before
    HF_HUB_OFFLINE was set; a folder it only reads.
    """
    from huggingface_hub import snapshot_download  # reads HF_HUB_OFFLINE when it is imported

    folder = Path(model).expanduser()
    return (
        str(folder)
        if folder.is_dir()
        else snapshot_download(repository_of(model), local_files_only=True)
    )


def repository_of(model: str) -> str:
    """Return a model's full name in the Hugging Face hub."""
    return model if "/" in model else f"sentence-transformers/{model}"


def _name_of(model: str, prefix: str = "") -> str:
    """Return `st-`, the model's last name, and a hash that tells apart what shares it: folders, owners,
    prefixes.
    """
    base = re.sub(r"[^A-Za-z0-9]+", "-", Path(model).name).strip("-")
    return f"st-{base}-{hashlib.sha256(f'{model}{prefix}'.encode()).hexdigest()[:8]}"


def first_line(error: Exception) -> str:
    """Return what an error says, without the advice that follows it."""
    return str(error).strip().partition("\n")[0].rstrip(".")
