"""Faults of the embedder and the index: done without, counted, told once."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from foveate.proxy.vectors.embedders import Embedder
from foveate.proxy.vectors.indexes import VectorIndex
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import chat
from support.console import samples, total
from support.conversations import body, count, long_chat
from support.parts import FailingEmbedder, FailingIndex, FullIndex, UnloadableEmbedder, WordEmbedder
from support.server import Live, serve, serve_with, settings_for
from support.upstream import WAIT, Upstream, until

KEY = "sk-the-same"  # vectors that are stored are read for their owner alone
CONTENT = json.dumps(body(long_chat()), indent=1).encode()


def cut_by_words(live: Live, upstream: Upstream) -> None:
    """Send a request over budget and check that it is cut, though no vector can be had."""
    answer = chat(live.url, CONTENT, budget="500", sticky="off", key=KEY)
    assert (answer.status, answer.result) == (200, "cut")
    assert len(upstream.last.body) < len(CONTENT)
    assert live.failures == {}


@pytest.mark.parametrize(
    ("embedder", "index", "part"),
    [
        (FailingEmbedder(), InMemory(), "embedder"),
        (UnloadableEmbedder(), InMemory(), "embedder"),
        (WordEmbedder(), FailingIndex(), "index"),
    ],
    ids=["embedder raises", "embedder cannot be loaded", "index raises"],
)
def test_what_is_broken_is_done_without_counted_and_told_once(
    upstream: Upstream,
    caplog: pytest.LogCaptureFixture,
    embedder: Embedder,
    index: VectorIndex,
    part: str,
) -> None:
    with (
        caplog.at_level(logging.WARNING),
        serve_with(settings_for(upstream.url), embedder, index) as live,
    ):
        cut_by_words(live, upstream)
        cut_by_words(live, upstream)
        assert live.services.parts.histories.failures[part] >= 1
    assert len([r for r in caplog.records if r.name == "foveate.vectors"]) == 1


# What foveate as it ships may find in its way, and the counter that tells of it.
BROKEN: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "the model is missing": (
        {"embedder": {"model": "/no/such/model.onnx", "deadline": 60}}, "vector_failures", {"part": "embedder"}
    ),
    "the index folder is a file": ({"index": {"type": "chroma"}}, "vector_failures", {"part": "index"}),
    "redis refuses": ({"state": {"type": "redis", "url": "redis://127.0.0.1:1/0"}}, "state_failures", {}),
    "all of it": (
        {
            "embedder": {"model": "/no/such/model.onnx", "deadline": 60}, "index": {"type": "chroma"},
            "state": {"type": "redis", "url": "redis://127.0.0.1:1/0"},
        },
        "vector_failures", {},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "counter", "labels"), BROKEN.values(), ids=BROKEN)
def test_a_history_over_the_window_is_pruned_whatever_is_broken(
    upstream: Upstream, tmp_path: Path, given: dict[str, Any], counter: str, labels: dict[str, str]
) -> None:
    if "redis" in str(given):
        pytest.importorskip("redis", reason="the redis extra is not installed")
    (tmp_path / "chroma").write_text("in the way")
    settings = settings_for(upstream.url, window={"models": {"gpt-4o": 1200}}, data=tmp_path, **given)
    with serve(settings) as live:
        for messages in (long_chat(), long_chat(), long_chat(50)):
            answer = chat(live.url, body(messages), key=KEY)
            assert (answer.status, answer.result) in ((200, "cut"), (200, "sticky"))
            assert count(upstream.last.json) <= 1200
            assert upstream.last.messages[-1] == messages[-1]
        assert live.failures == {}
        assert total(samples(live.url), f"foveate_{counter}_total", **labels) >= 1


def test_what_fits_the_budget_needs_neither_embedder_nor_index(upstream: Upstream) -> None:
    with serve_with(settings_for(upstream.url), FailingEmbedder(), FailingIndex()) as live:
        assert chat(live.url, CONTENT).result == "untouched"
        assert live.failures == {}


def test_a_full_disk_costs_the_vectors_and_nothing_else(
    upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    index = FullIndex()
    with (
        caplog.at_level(logging.ERROR),
        serve_with(settings_for(upstream.url), WordEmbedder(), index) as live,
    ):
        assert chat(live.url, CONTENT, budget="500").result == "cut"
        assert index.tried.wait(WAIT)
        assert chat(live.url, body(long_chat(60)), budget="500").result == "cut"
    told = [r for r in caplog.records if "No space left" in r.getMessage()]
    assert len(told) == 1


def chroma(upstream: Upstream, folder: Path) -> Live:
    return serve(
        settings_for(upstream.url, index={"type": "chroma"}, data=folder, cache={"max_mib": 0.001})
    )


def test_a_folder_that_goes_away_is_done_without(upstream: Upstream, tmp_path: Path) -> None:
    with chroma(upstream, tmp_path) as live:
        assert chat(live.url, CONTENT, budget="500", sticky="off", key=KEY).result == "cut"
        until(lambda: live.services.parts.histories.unwritten == 0)
        shutil.rmtree(tmp_path / "chroma")
        cut_by_words(live, upstream)
        assert live.services.parts.histories.failures["index"] >= 1


@pytest.mark.parametrize("damage", ["no database at all", "zeroed", "cut off"])
def test_a_corrupted_database_is_done_without(upstream: Upstream, tmp_path: Path, damage: str) -> None:
    with chroma(upstream, tmp_path) as live:
        assert chat(live.url, CONTENT, budget="500").result == "cut"
    database = tmp_path / "chroma" / "chroma.sqlite3"
    size = database.stat().st_size
    with database.open("r+b") as file:
        if damage == "no database at all":
            file.write(b"this is no database " * (size // 20))
        elif damage == "zeroed":
            file.seek(4096)
            file.write(bytes(size - 4096))
        else:
            file.truncate(size // 3)
    for side in ("-wal", "-shm", "-journal"):
        database.with_name(database.name + side).unlink(missing_ok=True)
    with chroma(upstream, tmp_path) as live:
        assert chat(live.url, CONTENT, budget="500", sticky="off", key=KEY).result == "cut"
        until(lambda: live.services.parts.histories.unwritten == 0)
        assert live.services.parts.histories.failures["writing"] == 0
        assert live.services.parts.histories.problems() == []
    (aside,) = tmp_path.glob("chroma.broken-*")
    assert (aside / "chroma.sqlite3").is_file()
    assert (tmp_path / "chroma" / "chroma.sqlite3").is_file()
