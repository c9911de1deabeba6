"""Policies built from settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foveate.policies.policy import Policy
from foveate.policies.registry import SELECTORS, SIGNALS
from foveate.proxy.config.loading import load_settings
from foveate.proxy.config.policies import build_policies, construct, named_class, preset_names
from foveate.proxy.config.schema import Settings
from foveate.proxy.errors import ConfigError


def built_from(folder: Path, text: str) -> dict[str, Policy]:
    """Return the policies of a settings file."""
    path = folder / "config.yaml"
    path.write_text(text)
    return build_policies(load_settings(path))


def test_a_policy_starts_from_its_preset_and_changes_what_it_names(tmp_path: Path) -> None:
    text = "policies: {mine: {preset: balanced, signals: {keyword: {weight: 3, k1: 2.0}}, pins: {last_turns: 4}}}"
    built = built_from(tmp_path, text)
    mine, balanced = built["mine"], built["balanced"]
    weights = {s.name: s.weight for s in mine.signals}
    assert weights == {**{s.name: s.weight for s in balanced.signals}, "keyword": 3}
    keyword: Any = next(s.signal for s in mine.signals if s.name == "keyword")
    preset: Any = next(s.signal for s in balanced.signals if s.name == "keyword")
    assert keyword.k1 == 2.0 != preset.k1
    assert keyword.b == preset.b
    assert mine.pins.last_turns == 4
    assert mine.pins.first_user == balanced.pins.first_user


def test_a_policy_of_a_presets_name_takes_its_place(tmp_path: Path) -> None:
    built = built_from(tmp_path, "policies: {balanced: {signals: {recency: {}}}}")
    assert [s.name for s in built["balanced"].signals] == ["recency"]


def test_a_part_of_a_part_takes_its_own_names_alone(tmp_path: Path) -> None:
    text = "policies: {mine: {preset: balanced, results: {weights: {turn: 3}}}}"
    weights = built_from(tmp_path, text)["mine"].results.weights
    assert (weights.turn, weights.asked) == (3, 2)
    for wrong, told in (("turnn: 3", "turnn is not a setting"), ("turn: .inf", "finite")):
        with pytest.raises(ConfigError, match=rf"results\.weights\..*{told}"):
            built_from(tmp_path, text.replace("turn: 3", wrong))


def test_a_weight_for_each_kind_is_a_number(tmp_path: Path) -> None:
    text = "policies: {mine: {preset: balanced, signals: {keyword: {weight: {code: {very: 2}}}}}}"
    with pytest.raises(ConfigError, match=r"keyword\.weight: code .*valid number"):
        built_from(tmp_path, text)


def test_every_preset_builds() -> None:
    built = build_policies(Settings())
    assert set(preset_names()) == set(built)
    assert "balanced" in built


@pytest.mark.parametrize("registry", [SIGNALS, SELECTORS])
def test_every_registered_class_can_be_built_from_settings(registry: dict[str, str]) -> None:
    for name in registry:
        assert construct(name, named_class("x", registry, name), {}) is not None
