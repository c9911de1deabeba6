"""Names of the parts that a policy is made of, and where their classes are."""

from __future__ import annotations

from importlib import import_module

SIGNALS = {
    "semantic": "policies.signals.semantic:Semantic",
    "keyword": "policies.signals.keyword:Keyword",
    "speaker": "policies.signals.speaker:Speaker",
    "recency": "policies.signals.recency:Recency",
    "references": "policies.signals.references:References",
    "task": "policies.signals.task:Task",
    "directive": "policies.signals.directive:Directive",
    "novelty": "policies.signals.novelty:Novelty",
    "role": "policies.signals.role:Role",
}

SELECTORS = {
    "coverage": "policies.selectors.coverage:Coverage",
    "density": "policies.selectors.density:Density",
    "greedy": "policies.selectors.greedy:Greedy",
    "mmr": "policies.selectors.mmr:Mmr",
    "structured": "policies.selectors.structured:Structured",
    "window": "policies.selectors.window:Window",
}

GRAPHS = {
    "neighbours": "policies.graph:Neighbours",
    "pagerank": "policies.graph:PageRank",
}

FUSIONS = {
    "weighted": "policies.fusion:Weighted",
    "reciprocal_rank": "policies.fusion:ReciprocalRank",
}


def load(target: str) -> type:
    """Return the class that a `module:Class` string names; ImportError or AttributeError where there is none."""
    module, _, name = target.partition(":")
    found: type = getattr(import_module(module), name)
    return found
