"""How many tokens a model takes, and the budget that follows."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import orjson

from policies.types import Budget
from proxy import config

_log = logging.getLogger("foveate.windows")
Source = Literal["config", "litellm", "default"]


@dataclass(frozen=True, slots=True)
class Window:
    """A model's window in tokens, and where the number comes from."""

    tokens: int
    source: Source


class Windows:
    """Finds windows: the settings first, then litellm's model table, then the stated default with one warning."""

    def __init__(self, settings: config.Window, budget: config.Budget) -> None:
        self._settings = settings
        self._budget = budget
        self._warned: set[str] = set()

    def window(self, model: str) -> Window:
        """Return the window of `model`."""
        for name in names(model):
            if name in self._settings.models:
                return Window(self._settings.models[name], "config")
        for name in names(model):
            if name in (table := model_table()):
                return Window(table[name], "litellm")
        if model not in self._warned and len(self._warned) < 1000:
            self._warned.add(model)
            _log.warning(
                "the window of model %r is not known; taking %d tokens. Set window.models in config.yaml",
                model, self._settings.default,
            )  # fmt: skip
        return Window(self._settings.default, "default")

    def budget(self, window: Window, max_output: int | None) -> Budget:
        """Return the watermarks: shares of the window less the reserved output, which takes half of it at the most."""
        reserved = int(window.tokens * self._settings.reserve_output) if max_output is None else max_output
        room = window.tokens - min(reserved, window.tokens // 2)
        return Budget(high=int(room * self._budget.high), low=int(room * self._budget.low))


def names(model: str) -> list[str]:
    """Return the names that a model may be listed under: its own, without the provider, without the fine-tune."""
    found = [model]
    while "/" in found[-1]:
        found.append(found[-1].split("/", 1)[1])
    if found[-1].startswith("ft:"):
        found.append(found[-1].split(":")[1])
    return found


@lru_cache(maxsize=1)
def model_table() -> dict[str, int]:
    """Return input tokens by model name, from the table in litellm's wheel; the package is not imported."""
    spec = importlib.util.find_spec("litellm")
    for place in (spec and spec.submodule_search_locations) or []:
        path = Path(place) / "model_prices_and_context_window_backup.json"
        if path.is_file():
            return {
                name: int(entry.get("max_input_tokens") or entry["max_tokens"])
                for name, entry in orjson.loads(path.read_bytes()).items()
                if isinstance(entry.get("max_input_tokens") or entry.get("max_tokens"), (int, float))
            }
    return {}
