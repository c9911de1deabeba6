"""The verdicts on a conversation as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

WIDE = 120  # columns below which signals and reasons are left out
MOST_STRETCHES = 12  # of one result
STYLES = {"kept": "green", "recalled": "yellow", "dropped": "dim"}


def verdicts_table(outcome: dict[str, Any], messages: Sequence[Any], width: int) -> Table:
    """Return a row a segment: its fate, its score, what each signal added to it, and how it begins.

    `messages` are the request's own. Below 120 columns of `width` the signals and reasons are left out.
    """
    rows = outcome["verdicts"]
    signals = list(rows[0]["shares"]) if rows and width >= WIDE else []
    table = Table(title=heading(outcome), title_justify="left")
    table.add_column("fate", min_width=8)
    for name in ("tokens", "score", *signals):
        table.add_column(name, justify="right", min_width=max(5, len(name)))
    if width >= WIDE:
        table.add_column("reason")
    table.add_column(
        "segment", overflow="ellipsis", no_wrap=True, max_width=60 if width >= WIDE else width - 33
    )
    for verdict in rows:
        row = [verdict["fate"], str(verdict["tokens"]), f"{verdict['score']:+.2f}"]
        row += [f"{verdict['shares'][name]:+.2f}" for name in signals]
        row += [verdict["reason"]] if width >= WIDE else []
        begins = " + ".join(_told_of(messages[i]) for i in verdict["messages"])
        table.add_row(*row, begins, style=STYLES[verdict["fate"]])
        for result in verdict["results"]:
            for stretch in stretches_of(result):
                blank = [""] * (len(signals) + 2)
                why = [", ".join(stretch["reasons"])] if width >= WIDE else []
                style = STYLES["kept" if stretch["shown"] else "dropped"]
                table.add_row(
                    "  shown" if stretch["shown"] else "  out",
                    *blank,
                    *why,
                    f"  {stretch['where']}",
                    style=style,
                )
    return table


def stretches_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the stretches of a result, the first of them where there are many."""
    found: list[dict[str, Any]] = result["stretches"]
    if result["same"] is not None:
        where = f"the same as the result in message {result['same'] + 1}"
        return [{"shown": False, "reasons": ["an exact repeat"], "where": where}]
    more = len(found) - MOST_STRETCHES
    if more <= 0:
        return found
    return [*found[:MOST_STRETCHES], {"shown": True, "reasons": [], "where": f"and {more} more"}]


def heading(outcome: dict[str, Any]) -> str:
    """Return the decision in one line."""
    tokens, budget, window = outcome["tokens"], outcome["budget"], outcome["window"]
    if not budget:
        return f"{outcome['result']} {outcome.get('failure_reason') or ''}".rstrip()
    return (
        f"{outcome['result']}: {tokens['before']:,} -> {tokens['after']:,} tokens; policy {outcome['policy']}; "
        f"budget {budget['high']:,}/{budget['low']:,}; window {window['tokens']:,} ({window['source']})"
    )


def _told_of(message: dict[str, Any]) -> str:
    """Return a message's role and the beginning of what it says."""
    calls = ", ".join(
        call.get("function", {}).get("name", "") for call in message.get("tool_calls") or []
    )
    said = " ".join(str(message.get("content") or f"calls {calls}").split())
    return f"{message['role']}: {said if len(said) <= 40 else said[:39] + '…'}"
