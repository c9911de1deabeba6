"""The settings as a JSON schema, by which editors complete and check config.yaml."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from foveate.policies.flow.topics import Topics
from foveate.policies.pins import Pins
from foveate.policies.recall import Recall
from foveate.policies.registry import FUSIONS, GRAPHS, SELECTORS, SIGNALS, load
from foveate.policies.results.settings import Results
from foveate.policies.types import Kind
from foveate.proxy.config.policies import preset_names
from foveate.proxy.config.schema import Settings

WEIGHT = {"anyOf": [{"type": "number"}, TypeAdapter(dict[Kind, float]).json_schema()]}


def settings_schema() -> dict[str, Any]:
    """Return the JSON schema of config.yaml."""
    schema = Settings.model_json_schema()
    schema |= {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "foveate's config.yaml",
    }
    # YAML 1.1 reads a bare on and off as booleans.
    mode = schema["properties"]["mode"]
    schema["properties"]["mode"] = {
        "anyOf": [{"enum": mode["enum"]}, {"type": "boolean"}],
        "default": "on",
    }
    policy = schema["$defs"]["PolicySettings"]["properties"]
    policy["preset"]["enum"] = ["", *preset_names()]
    policy["signals"] = {
        "type": "object",
        "properties": {name: signal_schema(target) for name, target in SIGNALS.items()},
        "additionalProperties": False,
    }
    for part, registry in (
        ("selector", SELECTORS),
        ("fusion", FUSIONS),
        ("graph", {**GRAPHS, "none": ""}),
    ):
        policy[part] = {"type": "object", "properties": typed(registry)}
    for part, cls in (("topics", Topics), ("pins", Pins), ("recall", Recall), ("results", Results)):
        policy[part] = {**part_schema(cls), "additionalProperties": False}
    return schema


def signal_schema(target: str) -> dict[str, Any]:
    """Return the schema of a signal: its parameters, and what every signal takes."""
    found = part_schema(load(target))
    every = {"weight": WEIGHT, "raw": {"type": "boolean"}, "spread": {"type": "boolean"}}
    return {**found, "properties": {**found["properties"], **every}, "additionalProperties": False}


def typed(registry: dict[str, str]) -> dict[str, Any]:
    """Return the properties of a part that `type` names: those of all its types."""
    found: dict[str, Any] = {"type": {"enum": list(registry)}}
    for target in registry.values():
        found |= part_schema(load(target))["properties"] if target else {}
    return found


def part_schema(cls: type) -> dict[str, Any]:
    """Return the schema of a policy's part."""
    schema = TypeAdapter(cls).json_schema()
    return {
        "type": "object",
        "description": (cls.__doc__ or "").partition("\n\n")[0].strip(),
        "properties": schema.get("properties", {}),
    }
