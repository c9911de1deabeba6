"""The presets in the tree are what the fit yields."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmarks.retention import fit
from benchmarks.retention.vectors import Stored
from support.parts import WordEmbedder

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("name", fit.SPACE)
def test_a_fitted_preset_is_written_by_the_fit_and_says_on_what(name: str) -> None:
    text = (fit.PRESETS / f"{name}.yaml").read_text()
    head = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("#"))
    note = head.removeprefix(f"{fit.WHAT[name]} ")
    assert note.startswith("Fitted by benchmarks/retention/fit.py on ")
    assert fit.render(name, yaml.safe_load(text), note) == text


@pytest.mark.parametrize("name", fit.SPACE)
def test_every_fitted_value_is_one_that_the_fit_tries(name: str) -> None:
    preset = yaml.safe_load((fit.PRESETS / f"{name}.yaml").read_text())
    for path, values in fit.SPACE[name].items():
        try:
            value = fit.value_at(preset, path)
        except KeyError:
            value = 0.0  # left out
        assert value in {*values, fit.value_at(fit.START, path)}


def test_the_fit_is_the_same_every_time_and_never_ends_lower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "Onnx", WordEmbedder)
    readings = fit.read(DATA, tmp_path / "vectors.npz")
    again = fit.read(DATA, tmp_path / "vectors.npz")
    space = {("signals", "semantic", "weight"): (0.0, 0.7, 5.0), ("selector", "tools"): (0.1, 0.6)}
    first, before, after = fit.climb(fit.START, space, readings)
    assert (first, before, after) == fit.climb(fit.START, space, again)
    assert after >= before


def test_stored_vectors_are_not_embedded_again(tmp_path: Path) -> None:
    inner = WordEmbedder()
    stored = Stored(inner, tmp_path / "v.npz")
    rows = stored.embed(["a b", "c"])
    stored.save()
    again = Stored(inner, tmp_path / "v.npz")
    assert (again.embed(["c", "a b"]) == rows[::-1]).all()
    assert inner.texts == ["a b", "c"]
