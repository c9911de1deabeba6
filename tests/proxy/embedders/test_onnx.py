"""The default embedder, with the real model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proxy.embedders.onnx import BATCH_WORDPIECES, DIMENSIONS, Onnx, batches, bundled_model
from proxy.errors import ConfigError


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


def test_a_text_has_the_same_vector_in_any_batch(embedder: Onnx) -> None:
    texts = [f"sentence {n} " * (n + 1) for n in range(12)]
    alone = np.stack([embedder.embed([text])[0] for text in texts])
    together = embedder.embed(texts)
    assert (alone * together).sum(axis=1) == pytest.approx(np.ones(12), abs=0.02)


def test_a_text_is_read_up_to_the_models_length(embedder: Onnx) -> None:
    start = "word " * 300
    one, other = embedder.embed([start + "apples", start + "engines"])
    assert one @ other == pytest.approx(1, abs=1e-4)


def test_a_model_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.onnx"):
        Onnx(str(tmp_path / "none.onnx")).check()


def test_a_model_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    content = bytearray(bundled_model().read_bytes())
    content[len(content) // 2] ^= 1
    changed = tmp_path / "model.onnx"
    changed.write_bytes(content)
    with pytest.raises(ConfigError, match="sha256"):
        Onnx(str(changed)).check()


def test_batches_hold_every_text_once_and_stay_small() -> None:
    lengths = [256, 3, 40, 256, 256, 7, 128, 3] * 9
    found = batches(lengths)
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(lengths[i] for i in batch) <= BATCH_WORDPIECES for batch in found)
