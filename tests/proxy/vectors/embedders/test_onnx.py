"""The default embedder, with the real model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from foveate.proxy.errors import ConfigError
from foveate.proxy.vectors.embedders.minilm import DIMENSIONS
from foveate.proxy.vectors.embedders.onnx import Onnx, bundled_model


@pytest.fixture(scope="module")
def embedder() -> Onnx:
    made = Onnx()
    made.load()
    return made


def test_vectors_have_unit_length(embedder: Onnx) -> None:
    vectors = embedder.embed(
        ["hello", "a longer sentence about trains", "", " ", "\U0001f600", "x" * 5000, "\ud800", "\x00"]
    )
    assert vectors.shape == (8, DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_have_no_vectors(embedder: Onnx) -> None:
    assert embedder.embed([]).shape == (0, DIMENSIONS)


def test_similar_meanings_lie_close(embedder: Onnx) -> None:
    cat, kitten, invoice = embedder.embed(
        ["A cat sleeps on the sofa.", "The kitten naps on the couch.", "The invoice is overdue."]
    )
    assert cat @ kitten > 0.5 > cat @ invoice


def test_a_text_has_the_same_vector_whatever_is_embedded_beside_it(embedder: Onnx) -> None:
    texts = [f"sentence {n} " * (n + 1) for n in range(12)]
    alone = np.stack([embedder.embed([text])[0] for text in texts])
    assert (embedder.embed(texts) == alone).all()


def test_vectors_are_those_of_the_model_at_full_precision(embedder: Onnx) -> None:
    """The package's own graph expands the same weights to float32; it is what all-MiniLM-L6-v2 computes."""
    full = onnxruntime.InferenceSession(str(bundled_model()), providers=["CPUExecutionProvider"])
    texts = [
        "Where did we leave the keys to the summer house?",
        "The committee meets on Thursdays; its minutes are public.",
        "def parse(line: str) -> list[str]: return line.split(',')",
        "ERROR 2024-05-06 12:00:01 connection reset by peer, 3 attempts left",
    ]
    for text, vector in zip(texts, embedder.embed(texts), strict=True):
        ids = np.array([embedder._tokenizer.encode(text).ids], dtype=np.int64)
        mask = np.ones_like(ids)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        mean = full.run(None, feed)[0][0].mean(axis=0)
        assert vector @ mean / np.linalg.norm(mean) > 0.98


def test_a_text_is_read_up_to_the_models_length(embedder: Onnx) -> None:
    start = "word " * 300
    one, other = embedder.embed([start + "apples", start + "engines"])
    assert one @ other == pytest.approx(1, abs=1e-4)


def test_a_model_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.onnx"):
        Onnx(str(tmp_path / "none.onnx")).load()


def test_a_model_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    content = bytearray(bundled_model().read_bytes())
    content[len(content) // 2] ^= 1
    changed = tmp_path / "model.onnx"
    changed.write_bytes(content)
    with pytest.raises(ConfigError, match="sha256"):
        Onnx(str(changed)).load()


def test_a_query_is_embedded_as_any_text(embedder: Onnx) -> None:
    assert embedder.symmetric
    assert (embedder.embed_queries(["hello"]) == embedder.embed(["hello"])).all()
