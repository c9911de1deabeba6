"""What outcomes add up to: totals, and conversations."""

from __future__ import annotations

from typing import Any

from foveate.proxy.observers.store.sought import WORDS, Sought
from foveate.proxy.observers.store.sqlite import SqliteOutcomes

REAL = "result NOT IN ('dry-run', 'off', 'failed')"  # what pruning could have changed
REFUSED = "(status >= 400 AND status != 499)"
TOTALS = {
    "requests": "count(*)",
    "failed": "sum(result = 'failed')",
    "refused": f"sum({REFUSED})",
    "before": f"sum(tokens_before) FILTER (WHERE {REAL})",
    "after": f"sum(tokens_after) FILTER (WHERE {REAL})",
    "prefix": f"sum(tokens_prefix) FILTER (WHERE {REAL})",
    "compared": f"sum(tokens_after) FILTER (WHERE {REAL} AND tokens_prefix IS NOT NULL)",
    "dry": "sum(result = 'dry-run')",
    "would": "sum(tokens_before - tokens_pruned) FILTER (WHERE result = 'dry-run')",
    "prompt": "sum(prompt)",
    "cached": "sum(cached)",
    "cost": "sum(cost)",
    "whole": "sum(whole)",
    "conversations": "count(DISTINCT nullif(conversation, ''))",
}
# Of a conversation: `latest` is its last request's.
CONVERSATION = {
    "conversation": "conversation",
    "requests": "count(*)",
    "first": "min(created)",
    "last": "max(created)",
    "serial": "max(serial)",
    "models": "group_concat(DISTINCT model)",
    "callers": "group_concat(DISTINCT caller)",
    "apis": "group_concat(DISTINCT api)",
    "cuts": "sum(result = 'cut')",
    "recalls": "sum(recalled > 0)",
    "problems": f"sum(result = 'failed' OR {REFUSED})",
    "before": "max(tokens_before)",
    "after": "max(tokens_after)",
    "prefix": "sum(tokens_prefix)",
    "compared": "sum(tokens_after) FILTER (WHERE tokens_prefix IS NOT NULL)",
    "prompt": "sum(prompt)",
    "cached": "sum(cached)",
    "cost": "sum(cost)",
    "whole": "sum(whole)",
    "born": "max(born)",
    "thought_kept": "max(thought_kept)",
    "thought_lost": "max(thought_lost)",
}
MOST = 200  # choices of each kind


def summed_up(store: SqliteOutcomes, sought: Sought) -> dict[str, Any]:
    """Return the sums over all that is sought."""
    where, values = sought.where()
    return store.ask(f"SELECT {_columns(TOTALS)} FROM outcomes WHERE {where}", values)[0]


def by_conversation(store: SqliteOutcomes, sought: Sought) -> list[dict[str, Any]]:
    """Return conversations that have what is sought, the latest first; each with all its requests."""
    where, values = sought.model_copy(update={"older": 0}).where()
    having = "HAVING max(serial) < ?" if sought.older else ""
    chosen = f"conversation IN (SELECT conversation FROM outcomes WHERE conversation != '' AND {where})"
    return store.ask(
        f"SELECT {_columns(CONVERSATION)} FROM outcomes WHERE {chosen} GROUP BY conversation {having} "
        "ORDER BY max(serial) DESC LIMIT ?",
        (*values, *([sought.older] if sought.older else []), sought.limit),
    )


def values_found(store: SqliteOutcomes) -> dict[str, list[str]]:
    """Return what values there are of each word that can be looked for, the commonest first."""
    found: dict[str, list[str]] = {}
    for word in (*[w for w in WORDS if w != "conversation"], "status"):
        rows = store.ask(
            f"SELECT {word} AS value FROM outcomes WHERE {word} NOT IN ('', 0) GROUP BY 1 ORDER BY count(*) DESC "
            "LIMIT ?",
            (MOST,),
        )
        found[word] = [str(row["value"]) for row in rows]
    return found


def _columns(named: dict[str, str]) -> str:
    return ", ".join(f"{what} AS {name}" for name, what in named.items())
