"""What is known of models by name: the table in litellm's wheel, read without importing it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson


def model_names(model: str) -> list[str]:
    """Return the names that a model may be listed under: its own, without the provider, without the fine-tune."""
    found = [model]
    while "/" in found[-1]:
        found.append(found[-1].split("/", 1)[1])
    if found[-1].startswith("ft:"):
        found.append(found[-1].split(":")[1])
    return found


@lru_cache(maxsize=1)
def model_table() -> dict[str, int]:
    """Return input tokens by model name."""
    return {
        name: int(entry.get("max_input_tokens") or entry["max_tokens"])
        for name, entry in model_entries()
        if isinstance(entry.get("max_input_tokens") or entry.get("max_tokens"), (int, float))
    }


def model_entries() -> Iterable[tuple[str, dict[str, Any]]]:
    """Return name and entry of each model in the table of litellm's wheel; the package is not imported."""
    spec = importlib.util.find_spec("litellm")
    for place in (spec and spec.submodule_search_locations) or []:
        path = Path(place) / "model_prices_and_context_window_backup.json"
        if path.is_file():
            models: dict[str, dict[str, Any]] = orjson.loads(path.read_bytes())
            return models.items()
    return ()
