"""Names of signals and selectors, and where their classes are."""

from __future__ import annotations

from importlib import import_module

SIGNALS = {
    "semantic": "policies.signals.semantic:Semantic",
    "keyword": "policies.signals.keyword:Keyword",
    "recency": "policies.signals.recency:Recency",
    "role": "policies.signals.role:Role",
}

SELECTORS = {
    "greedy": "policies.selectors.greedy:Greedy",
}


def load(target: str) -> type:
    """Return the class that a `module:Class` string names; ImportError or AttributeError where there is none."""
    module, _, name = target.partition(":")
    found: type = getattr(import_module(module), name)
    return found
