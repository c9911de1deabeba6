"""Embedders by name: ours, and a user's own."""

from __future__ import annotations

import pytest

from foveate.proxy.config.schema import EmbedderSettings
from foveate.proxy.errors import ConfigError
from foveate.proxy.vectors.embedders import build_embedder
from support.parts import WordEmbedder


class Mine(WordEmbedder):
    def __init__(self, model: str, threads: int, url: str = "") -> None:
        super().__init__()
        self.given = (model, threads, url)


def test_the_default_is_the_relevance_model() -> None:
    assert build_embedder(EmbedderSettings()).name.startswith("relevance-")


def test_a_users_own_is_built_with_the_settings() -> None:
    made = build_embedder(
        EmbedderSettings(type=f"{__name__}:Mine", model="small", threads=2, options={"url": "http://x"})
    )
    assert isinstance(made, Mine)
    assert made.given == ("small", 2, "http://x")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("milvus", 'embedder.type "milvus" is not one of onnx, multilingual, http, '),
        ("no_such_module:Model", "cannot be imported: No module named 'no_such_module'"),
        (f"{__name__}:Absent", "cannot be imported: .*no attribute 'Absent'"),
    ],
)
def test_one_that_is_not_there_is_named_with_the_choices(kind: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        build_embedder(EmbedderSettings(type=kind))


def test_an_option_that_it_does_not_take_is_named() -> None:
    with pytest.raises(ConfigError, match=r"embedder: .*Onnx.* cannot be built .*'colour'"):
        build_embedder(EmbedderSettings(options={"colour": "red"}))
