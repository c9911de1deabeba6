"""The recipe for an embedder and an index of one's own works as it stands in the documents."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

from support.client import chat
from support.conversations import body, long_chat
from support.server import serve, settings_for
from support.upstream import Upstream, until

RECIPES = Path(__file__).parents[2] / "docs" / "recipes.md"


def recipe() -> tuple[str, dict[str, dict[str, object]]]:
    """The module and the settings of the recipe."""
    text = RECIPES.read_text().partition("## An embedder and an index of your own")[2]
    code, settings = re.findall(r"```(?:python|yaml)\n(.*?)```", text, re.DOTALL)[:2]
    return code, yaml.safe_load(settings)


def test_the_recipe_for_classes_of_ones_own_works(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, settings = recipe()
    (tmp_path / "my_vectors.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_vectors", raising=False)
    embedder = {"deadline": 60, **settings["embedder"]}
    with serve(settings_for(upstream.url, embedder=embedder, index=settings["index"])) as live:
        answer = chat(live.url, body(long_chat()), budget="500", key="sk-a")
        assert answer.result == "cut"
        histories = live.services.parts.histories
        until(lambda: histories.queued == 0 and histories.unwritten == 0)
        assert sum(histories.failures.values()) == 0
        shelf = histories._index._index
        assert type(shelf).__name__ == "Shelf"
        assert len(shelf.entries) > 10  # type: ignore[attr-defined]
        entry = next(iter(shelf.entries.values()))  # type: ignore[attr-defined]
        assert entry.vector.shape == (128,)
        assert histories.problems() == []
