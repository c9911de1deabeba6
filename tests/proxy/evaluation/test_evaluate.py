"""Policies and their alternatives measured, and the command that prints it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from foveate.proxy.config import schema as config
from foveate.proxy.errors import ConfigError
from foveate.proxy.evaluation import evaluate, summary
from foveate.proxy.evaluation.evidence import Case, load_cases
from support.parts import UnloadableEmbedder, WordEmbedder

DATA = Path(__file__).parents[2] / "data"
TALK = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "my cat is Tom"},
    {"role": "assistant", "content": "noted"},
    {"role": "user", "content": "who is my cat?"},
]
CASE = Case("s", "c", TALK, (frozenset({1}),))


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Embed by words."""
    monkeypatch.setattr(evaluate, "build_embedder", lambda settings: WordEmbedder())


def run(wanted: evaluate.Measurement, folder: Path) -> dict[str, Any]:
    """Return what the command writes."""
    settings = config.Settings(embedder=config.EmbedderSettings())
    evaluate.run_evaluation(settings, wanted, Console(quiet=True), folder / "out.json", None)
    found: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return found


@pytest.mark.usefixtures("words")
def test_policies_and_baselines_are_measured_within_the_budget(tmp_path: Path) -> None:
    found = run(
        evaluate.Measurement(load_cases(DATA, (), 2), ("balanced", "recency"), (0.25,)), tmp_path
    )
    rows = {(r["source"], r["contestant"]): r for r in found["summary"]}
    names = {name for _, name in rows}
    assert {"balanced", "recency", "newest first", "middle-out", "BM25", "cosine"} <= names
    for (_, name), row in rows.items():
        if name not in ("litellm.compress", "trim_messages"):
            assert row["over"] == row["invalid"] == 0
            assert row["kept"] <= 0.25
    assert len(found["cases"]) == sum(r["cases"] for r in rows.values())


@pytest.mark.usefixtures("words")
def test_an_ablation_changes_one_part_at_a_time(tmp_path: Path) -> None:
    wanted = evaluate.Measurement(
        load_cases(DATA, ("tau2_retail_gpt41",)), ("balanced",), (0.5,), baselines=False, ablate=True
    )
    names = {row["contestant"] for row in run(wanted, tmp_path)["summary"]}
    assert {"balanced", "without keyword", "without the graph", "selector: mmr", "with task"} <= names


def test_a_policy_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='policy "best" is not one of agent, balanced'):
        run(evaluate.Measurement([CASE], ("best",)), tmp_path)


def test_a_plot_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"foveate\[eval\]"):
        evaluate.run_evaluation(
            config.Settings(),
            evaluate.Measurement([CASE], ("balanced",)),
            Console(quiet=True),
            None,
            Path("x.png"),
        )


def test_a_plot_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [{"source": "s", "contestant": "c", "budget": b, "recall": b} for b in (0.1, 0.5)]
    summary.plot(rows, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_that_cannot_be_loaded_ends_the_run() -> None:
    with (
        pytest.raises(ConfigError, match="the model file is gone"),
        evaluate.CaseReader(UnloadableEmbedder()),
    ):
        pass


def test_a_case_is_read_with_all_vectors_as_a_request_is() -> None:
    with evaluate.CaseReader(WordEmbedder()) as reader:
        history = reader.read(CASE).history
    assert [row.any() for row in history.vectors] == [s.role != "system" for s in history.segments]
    assert history.query_vector.any()
