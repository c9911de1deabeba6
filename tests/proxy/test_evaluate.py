"""What survives, how it is judged, and the command that prints it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from foveate.proxy.config import schema as config
from foveate.proxy.errors import ConfigError
from foveate.proxy.evaluation import evaluate
from foveate.proxy.evaluation.evidence import Case, Ruler, align, dangling, judge, load
from support.conversations import call, result
from support.parts import UnloadableEmbedder, WordEmbedder

DATA = Path(__file__).parent.parent / "data"
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "my cat is Tom"},
    {"role": "assistant", "content": "noted"},
    {"role": "user", "content": "my cat is Tom"},
    call("a"),
    result("a"),
    {"role": "user", "content": "who is my cat?"},
]
CASE = Case("s", "c", MESSAGES, (frozenset({1}), frozenset({5})))


def judged(sent: list[dict[str, Any]], case: Case = CASE, share: float = 1.0) -> Any:
    """Return the row of a prompt."""
    ruler = Ruler()
    return judge("x", case, ruler.sizes(case), share, sent, ruler.size)


def test_all_of_it_keeps_all_evidence() -> None:
    row = judged(MESSAGES)
    assert (row.recall, row.kept, row.over, row.invalid) == (1.0, 1.0, False, False)


def test_a_copy_stands_for_one_original_only() -> None:
    assert judged([*MESSAGES[:1], *MESSAGES[2:]]).recall == 0.5
    assert align(MESSAGES, [MESSAGES[1], MESSAGES[6]]) == ([(6, 1), (3, 0)], True)


def test_text_quoted_in_full_counts_and_part_of_a_word_does_not() -> None:
    quoted = {"role": "user", "content": "earlier: my cat is Tom. And now?"}
    cut_off = {"role": "user", "content": "my cat is Tommy"}
    assert judged([MESSAGES[0], quoted, MESSAGES[6]]).recall == 0.5
    assert judged([MESSAGES[0], cut_off, MESSAGES[6]]).recall == 0.0


@pytest.mark.parametrize(
    "sent",
    [
        [*MESSAGES[1:]],  # no instructions
        [*MESSAGES[:6]],  # no latest turn
        [*MESSAGES[:5], MESSAGES[6]],  # a call without its result
        [*MESSAGES[:4], *MESSAGES[5:]],  # a result without its call
        [MESSAGES[0], MESSAGES[2], MESSAGES[1], MESSAGES[1], MESSAGES[6]],  # out of order
    ],
)
def test_what_no_server_should_get_is_invalid(sent: list[dict[str, Any]]) -> None:
    assert judged(sent).invalid


def test_more_than_the_budget_is_over() -> None:
    assert judged(MESSAGES, share=0.5).over
    assert not judged([MESSAGES[0], MESSAGES[6]], share=0.01).over


def test_calls_without_results_are_counted() -> None:
    assert dangling([call("a", "b"), result("a"), {"role": "user", "content": "?"}, result("b")]) == 2


def test_data_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"cases\.jsonl is missing"):
        load(DATA / "nowhere")
    with pytest.raises(ConfigError, match="no scored case of telepathy"):
        load(DATA, ["telepathy"])
    assert len(load(DATA, ["qmsum"], limit=3)) == 3


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Embed by words."""
    monkeypatch.setattr(evaluate, "build_embedder", lambda kind, model, threads: WordEmbedder())


def run(asked: evaluate.Asked, folder: Path) -> dict[str, Any]:
    """Return what the command writes."""
    settings = config.Settings(embedder=config.Embedder())
    evaluate.run(settings, asked, Console(quiet=True), folder / "out.json", None)
    found: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return found


@pytest.mark.usefixtures("words")
def test_policies_and_baselines_are_measured_within_the_budget(tmp_path: Path) -> None:
    found = run(evaluate.Asked(DATA, ("balanced", "recency"), budgets=(0.25,), limit=2), tmp_path)
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
    asked = evaluate.Asked(DATA, ("balanced",), ("tau2_retail_gpt41",), (0.5,), baselines=False, ablate=True)
    names = {row["contestant"] for row in run(asked, tmp_path)["summary"]}
    assert {"balanced", "without keyword", "without the graph", "selector: mmr", "with task"} <= names


def test_a_policy_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='policy "best" is not one of agent, balanced'):
        run(evaluate.Asked(DATA, ("best",)), tmp_path)


def test_a_plot_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"foveate\[eval\]"):
        evaluate.run(config.Settings(), evaluate.Asked(DATA, ("balanced",)), Console(quiet=True), None, Path("x.png"))


def test_a_plot_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [{"source": "s", "contestant": "c", "budget": b, "recall": b} for b in (0.1, 0.5)]
    evaluate.plot(rows, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_that_cannot_be_loaded_ends_the_run() -> None:
    with pytest.raises(ConfigError, match="the model file is gone"), evaluate.Reader(UnloadableEmbedder()):
        pass


def test_a_case_is_read_with_all_vectors_as_a_request_is() -> None:
    with evaluate.Reader(WordEmbedder()) as reader:
        history = reader.read(CASE).history
    assert [row.any() for row in history.vectors] == [s.role != "system" for s in history.segments]
    assert history.query_vector.any()
