"""The default embedder, with the real model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from foveate.proxy.errors import ConfigError
from foveate.proxy.vectors.embedders.minilm import DIMENSIONS
from foveate.proxy.vectors.embedders.onnx import (
    PLAIN,
    RELEVANCE,
    RELEVANCE_SHA256,
    Onnx,
    plain_model,
    verify,
)


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


def test_plain_vectors_are_those_of_the_model_at_full_precision() -> None:
    """The package's own graph expands the same weights to float32; it is what all-MiniLM-L6-v2 computes."""
    embedder = Onnx(PLAIN)
    embedder.load()
    full = onnxruntime.InferenceSession(str(plain_model()), providers=["CPUExecutionProvider"])
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
    with pytest.raises(ConfigError, match=r"none\.npz"):
        Onnx(str(tmp_path / "none.npz")).load()


def test_a_changed_model_is_refused() -> None:
    content = bytearray(RELEVANCE.read_bytes())
    assert verify("relevance.npz", content, RELEVANCE_SHA256, "reinstall")
    content[len(content) // 2] ^= 1
    with pytest.raises(ConfigError, match=r"relevance\.npz has sha256 .*; reinstall"):
        verify("relevance.npz", content, RELEVANCE_SHA256, "reinstall")


def test_a_file_of_the_same_weights_gives_the_same_vectors_under_another_name(
    embedder: Onnx, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.npz"
    copy.write_bytes(RELEVANCE.read_bytes())
    other = Onnx(str(copy))
    other.load()
    assert (other.embed(["hello"]) == embedder.embed(["hello"])).all()
    assert len({other.name, embedder.name, Onnx(PLAIN).name}) == 3


def test_the_answer_lies_closer_to_its_question_than_to_plain_minilm(embedder: Onnx) -> None:
    """What the model was trained for: an answer need not look like its question."""
    plain = Onnx(PLAIN)
    plain.load()
    texts = [
        "When did she start the job?",
        "Ann: Monday, finally!!",
        "Ann: Do you start your job search?",
    ]
    gaps = [
        asked @ right - asked @ wrong
        for asked, right, wrong in (embedder.embed(texts), plain.embed(texts))
    ]
    assert gaps[0] > gaps[1]


def test_a_query_is_embedded_as_any_text(embedder: Onnx) -> None:
    assert embedder.symmetric
    assert (embedder.embed_queries(["hello"]) == embedder.embed(["hello"])).all()
