"""Policies built from settings: the presets, and what a file says in their place."""

from __future__ import annotations

import dataclasses
import math
from importlib.resources import files
from pathlib import Path
from typing import Any, cast, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from foveate.policies.flow.topics import Topics
from foveate.policies.pins import Pins
from foveate.policies.policy import Policy, WeightedSignal
from foveate.policies.recall import Recall
from foveate.policies.registry import FUSIONS, GRAPHS, SELECTORS, SIGNALS
from foveate.policies.registry import load as load_class
from foveate.policies.results.settings import Results
from foveate.policies.types import Kind
from foveate.proxy.config.schema import PolicySettings, Settings
from foveate.proxy.errors import ConfigError, explain_error


def build_policies(settings: Settings) -> dict[str, Policy]:
    """Return every policy by name: the presets, and those of the file."""
    return {name: build_policy(name, described) for name, described in named_policies(settings).items()}


def named_policies(settings: Settings) -> dict[str, PolicySettings]:
    """Return the settings of every policy by name: the presets, and those of the file."""
    return {name: PolicySettings(preset=name) for name in preset_names()} | settings.policies


def preset_names() -> list[str]:
    """Return the names of the presets that ship with the policies."""
    return sorted(
        Path(f.name).stem
        for f in files("foveate.policies.presets").iterdir()
        if f.name.endswith(".yaml")
    )


def build_policy(name: str, settings: PolicySettings) -> Policy:
    """Return the policy that `settings` describe; ConfigError names what is wrong in them."""
    where = f"policies.{name}"
    described = describe_policy(where, settings)
    signals = [
        build_signal(f"{where}.signals", s, given) for s, given in described.get("signals", {}).items()
    ]
    if not signals:
        raise ConfigError(
            f"{where}.signals is empty; name at least one of {', '.join(SIGNALS)}, or a preset"
        )
    return Policy(
        name=name,
        signals=tuple(signals),
        selector=build_typed(f"{where}.selector", SELECTORS, described.get("selector", {}), "greedy"),
        fusion=build_typed(f"{where}.fusion", FUSIONS, described.get("fusion", {}), "weighted"),
        graph=build_typed(f"{where}.graph", {**GRAPHS, "none": ""}, described.get("graph", {}), "none"),
        topics=construct(f"{where}.topics", Topics, described.get("topics", {})),
        threshold=described.get("threshold"),
        pins=construct(f"{where}.pins", Pins, described.get("pins", {})),
        recall=construct(f"{where}.recall", Recall, described.get("recall", {})),
        results=construct(f"{where}.results", Results, switched(described.get("results", {}))),
    )


def switched(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of results with YAML's bare on and off as the words that they are."""
    words = {True: "on", False: "off"}
    found = dict(given)
    for name in ("tools", "kinds"):
        if isinstance(found.get(name), dict):
            found[name] = {
                key: words.get(v, v) if isinstance(v, bool) else v for key, v in found[name].items()
            }
    return found


def describe_policy(where: str, settings: PolicySettings) -> dict[str, Any]:
    """Return a policy's settings with those of its preset where they say nothing."""
    described = settings.model_dump(exclude={"preset"}, exclude_unset=True)
    if not settings.preset:
        return described
    preset = files("foveate.policies.presets") / f"{settings.preset}.yaml"
    if not preset.is_file():
        raise ConfigError(
            f'{where}.preset "{settings.preset}" is not one of {", ".join(preset_names())}'
        )
    return merge_policy(yaml.safe_load(preset.read_text()), described)


def merge_policy(preset: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return the preset with what differs; a part of another type brings none of the preset's
    parameters along.
    """
    kept = dict(preset)
    for part in ("selector", "fusion", "graph"):
        if over.get(part, {}).get("type", kept.get(part, {}).get("type")) != kept.get(part, {}).get(
            "type"
        ):
            kept.pop(part, None)
    return merge(kept, over)


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `over` in place of its own, at any depth."""
    both = dict(base)
    for key, value in over.items():
        both[key] = (
            merge(both[key], value)
            if isinstance(value, dict) and isinstance(both.get(key), dict)
            else value
        )
    return both


def build_signal(where: str, name: str, given: dict[str, Any]) -> WeightedSignal:
    """Return a signal with its weight; ConfigError names what is wrong."""
    cls = named_class(where, SIGNALS, name)
    parameters = dict(given)
    weight = parameters.pop("weight", 1.0)
    return WeightedSignal(
        name=name,
        weight=construct(
            f"{where}.{name}.weight", dict[Kind, float] if isinstance(weight, dict) else float, weight
        ),
        raw=construct(f"{where}.{name}.raw", bool, parameters.pop("raw", False)),
        spread=construct(f"{where}.{name}.spread", bool, parameters.pop("spread", False)),
        signal=construct(f"{where}.{name}", cls, parameters),
    )


def build_typed(where: str, registry: dict[str, str], given: dict[str, Any], default: str) -> Any:
    """Return the part that `type` names, built from the other keys; None for the type none."""
    parameters = dict(given)
    kind = parameters.pop("type", default)
    if kind == "none" and "none" in registry:
        return None
    return construct(where, named_class(f"{where}.type", registry, kind), parameters)


def named_class(where: str, registry: dict[str, str], name: str) -> type:
    """Return the class registered under `name`."""
    if name not in registry:
        raise ConfigError(f'{where} "{name}" is not one of {", ".join(registry)}')
    return load_class(registry[name])


def construct(where: str, cls: type, parameters: Any) -> Any:
    """Return `cls` built from `parameters`, each checked against the type of its field."""
    if dataclasses.is_dataclass(cls):
        known = [f.name for f in dataclasses.fields(cls)]
        unknown = [key for key in parameters if key not in known]
        if unknown:
            raise ConfigError(
                f"{where}.{unknown[0]} is not a setting; {cls.__name__.lower()} takes {', '.join(known)}"
            )
    hints = get_type_hints(cls) if dataclasses.is_dataclass(cls) else {}
    given = parameters.items() if isinstance(parameters, dict) else [("", parameters)]
    for key, value in given:
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{f'{where}.{key}'.rstrip('.')} is {value}; it must be a finite number")
        inner = hints.get(key)
        if isinstance(value, dict) and dataclasses.is_dataclass(inner):
            construct(f"{where}.{key}", cast("type", inner), value)
    try:
        return TypeAdapter(cls).validate_python(parameters)
    except ValidationError as error:
        raise ConfigError("\n".join(explain_error(e, where) for e in error.errors())) from None
