"""The multilingual embedder, with the real model where the package that carries it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveate.proxy.errors import ConfigError
from foveate.proxy.vectors.embedders.e5 import expanded
from foveate.proxy.vectors.embedders.minilm import DIMENSIONS
from foveate.proxy.vectors.embedders.multilingual import Multilingual, bundled_model

installed = pytest.mark.skipif(
    not bundled_model().is_file(), reason="the extra foveate[multilingual] is not installed"
)
TRAIN = {
    "en": "The night train to Vienna leaves from platform seven.",
    "de": "Der Nachtzug nach Wien fährt von Gleis sieben ab.",
    "zh": "开往维也纳的夜车从七号站台出发。",
    "ja": "ウィーン行きの夜行列車は7番線から出ます。",
    "ru": "Ночной поезд в Вену отправляется с седьмого пути.",
    "ar": "يغادر القطار الليلي إلى فيينا من الرصيف السابع.",
    "hi": "वियना जाने वाली रात की ट्रेन प्लेटफ़ॉर्म सात से निकलती है।",
}
OTHER = [
    "My sister has baked a cake.",
    "小猫在沙发上睡觉。",
    "Счёт до сих пор не оплачен.",
    "会議は木曜日です。",
]


@pytest.fixture(scope="module")
def embedder() -> Multilingual:
    made = Multilingual()
    made.load()
    return made


@installed
def test_vectors_have_unit_length(embedder: Multilingual) -> None:
    vectors = embedder.embed(["hello", "", " ", "\U0001f600", "x" * 5000, "\ud800", "\x00", "ภาษาไทย"])
    assert vectors.shape == (8, DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embedder.embed([]).shape == (0, DIMENSIONS)


@installed
def test_the_same_meaning_lies_close_in_every_language_and_others_do_not(
    embedder: Multilingual,
) -> None:
    trains, others = embedder.embed(list(TRAIN.values())), embedder.embed(OTHER)
    assert ((trains @ trains.T).mean(axis=1) > (trains @ others.T).max(axis=1) + 0.1).all()
    assert np.abs(trains @ others.T).mean() < 0.2


@installed
def test_a_text_has_the_same_vector_whatever_is_embedded_beside_it(embedder: Multilingual) -> None:
    texts = [f"sentence {n} " * (n + 1) for n in range(8)]
    assert (embedder.embed(texts) == np.stack([embedder.embed([text])[0] for text in texts])).all()


@installed
def test_a_model_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    changed = tmp_path / "model.bin"
    changed.write_bytes(b"E5S1" + bytes(64))
    with pytest.raises(ConfigError, match="sha256"):
        Multilingual(str(changed)).load()


def test_a_model_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.bin.*foveate\[multilingual\]"):
        Multilingual(str(tmp_path / "none.bin")).load()


def test_weights_of_four_bits_are_sixteen_steps_of_a_scale() -> None:
    block = np.concatenate(
        [np.array([0.5], dtype="<f2").view(np.uint8), np.arange(16, dtype=np.uint8) * 17]
    )
    steps = np.arange(16) - 8
    assert (expanded(block[None, None]) == 0.5 * np.concatenate([steps, steps])).all()
