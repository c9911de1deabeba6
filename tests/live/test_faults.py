"""Faults in scoring, embedding and the index: forwarded unchanged, `failed`, counted, logged once with the stage."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest

from foveate.proxy.vectors.embedders import Embedder
from foveate.proxy.vectors.indexes import VectorIndex
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import chat
from support.conversations import body, long_chat
from support.parts import FailingEmbedder, FailingIndex, FullIndex, UnloadableEmbedder, WordEmbedder
from support.server import Live, serve, serve_with, settings_for
from support.upstream import WAIT, Upstream, until

KEY = "sk-the-same"  # vectors that are stored are read for their owner alone
CONTENT = json.dumps(body(long_chat()), indent=1).encode()


def fails(live: Live, upstream: Upstream, stage: str, caplog: pytest.LogCaptureFixture, told: int = 1) -> None:
    """Send a request over budget and check that the fault stays ours."""
    before = live.failures.get(stage, 0)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        answer = chat(live.url, CONTENT, budget="500", sticky="off", key=KEY)
    assert answer.status == 200
    assert answer.result == "failed"
    assert upstream.last.body == CONTENT
    assert live.failures == {stage: before + 1}
    lines = [r.getMessage() for r in caplog.records if str(answer.header("x-pruning-id")) in r.getMessage()]
    assert len(lines) == told
    assert all(stage in line for line in lines)
    outcome = live.services.parts.recent.get(str(answer.header("x-pruning-id")))
    assert outcome is not None
    assert (outcome.result, outcome.failure, outcome.status) == ("failed", stage, 200)


@pytest.mark.parametrize(
    ("embedder", "index", "stage"),
    [
        (FailingEmbedder(), InMemory(), "embed"),
        (UnloadableEmbedder(), InMemory(), "embed"),
        (WordEmbedder(), FailingIndex(), "index"),
    ],
    ids=["embedder raises", "embedder cannot be loaded", "index raises"],
)
def test_a_fault_is_forwarded_unchanged_counted_and_logged_once(
    upstream: Upstream, caplog: pytest.LogCaptureFixture, embedder: Embedder, index: VectorIndex, stage: str
) -> None:
    with serve_with(settings_for(upstream.url), embedder, index) as live:
        fails(live, upstream, stage, caplog)
        fails(live, upstream, stage, caplog, told=0)  # a lasting fault is told once and counted always


def test_what_fits_the_budget_needs_neither_embedder_nor_index(upstream: Upstream) -> None:
    with serve_with(settings_for(upstream.url), FailingEmbedder(), FailingIndex()) as live:
        assert chat(live.url, CONTENT).result == "untouched"
        assert live.failures == {}


def test_a_full_disk_costs_the_vectors_and_nothing_else(upstream: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    index = FullIndex()
    with caplog.at_level(logging.ERROR), serve_with(settings_for(upstream.url), WordEmbedder(), index) as live:
        assert chat(live.url, CONTENT, budget="500").result == "cut"
        assert index.tried.wait(WAIT)
        assert chat(live.url, body(long_chat(60)), budget="500").result == "cut"
    told = [r for r in caplog.records if "No space left" in r.getMessage()]
    assert len(told) == 1


def chroma(upstream: Upstream, folder: Path) -> Live:
    return serve(settings_for(upstream.url, index={"type": "chroma"}, data=folder, cache={"max_mib": 0.001}))


def test_a_folder_that_goes_away_is_a_fault_of_ours(
    upstream: Upstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with chroma(upstream, tmp_path) as live:
        assert chat(live.url, CONTENT, budget="500", sticky="off", key=KEY).result == "cut"
        until(lambda: live.services.parts.histories.unwritten == 0)
        shutil.rmtree(tmp_path / "chroma")
        fails(live, upstream, "index", caplog)


@pytest.mark.parametrize("damage", ["no database at all", "zeroed", "cut off"])
def test_a_corrupted_database_is_a_fault_of_ours(
    upstream: Upstream, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
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
    with caplog.at_level(logging.ERROR), chroma(upstream, tmp_path) as live:
        fails(live, upstream, "index", caplog)


def test_pass_through_works_while_the_index_is_broken(upstream: Upstream, tmp_path: Path) -> None:
    folder = tmp_path / "chroma"
    folder.mkdir()
    (folder / "chroma.sqlite3").write_bytes(b"rubbish" * 1000)
    with chroma(upstream, tmp_path) as live:
        assert chat(live.url, CONTENT).result == "untouched"
        assert chat(live.url, CONTENT, budget="500").result == "failed"
