"""Names of the parts that a policy is made of, and where their classes are."""

from __future__ import annotations

from importlib import import_module

SIGNALS = {
    "semantic": "foveate.policies.signals.semantic:Semantic",
    "keyword": "foveate.policies.signals.keyword:Keyword",
    "speaker": "foveate.policies.signals.speaker:Speaker",
    "recency": "foveate.policies.signals.recency:Recency",
    "references": "foveate.policies.signals.references:References",
    "task": "foveate.policies.signals.task:Task",
    "directive": "foveate.policies.signals.directive:Directive",
    "novelty": "foveate.policies.signals.novelty:Novelty",
    "role": "foveate.policies.signals.role:Role",
}

SELECTORS = {
    "coverage": "foveate.policies.selectors.coverage:Coverage",
    "density": "foveate.policies.selectors.density:Density",
    "greedy": "foveate.policies.selectors.greedy:Greedy",
    "mmr": "foveate.policies.selectors.mmr:Mmr",
    "structured": "foveate.policies.selectors.structured:Structured",
    "window": "foveate.policies.selectors.window:Window",
}

GRAPHS = {
    "neighbours": "foveate.policies.flow.graph:Neighbours",
    "pagerank": "foveate.policies.flow.graph:PageRank",
}

FUSIONS = {
    "weighted": "foveate.policies.flow.fusion:Weighted",
    "reciprocal_rank": "foveate.policies.flow.fusion:ReciprocalRank",
}


def load(target: str) -> type:
    """Return the class that a `module:Class` string names; ImportError or AttributeError where there is
    none.
    """
    module, _, name = target.partition(":")
    found: type = getattr(import_module(module), name)
    return found
