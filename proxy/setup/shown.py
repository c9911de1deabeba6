"""A running foveate's requests and totals, for a terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

STYLES = {"cut": "yellow", "sticky": "cyan", "shortened": "cyan", "over": "magenta", "failed": "red"}
REFUSED = 400
HUNG_UP = 499


def line_of(outcome: Mapping[str, Any]) -> Text:
    """Return a request as one line."""
    tokens, refused = outcome["tokens"], is_refused(outcome)
    before, after = tokens["before"], tokens["after"]
    sizes = "–" if before is None else f"{before:,}" if before == after else f"{before:,} → {after:,}"
    style = "red" if refused else STYLES.get(outcome["result"], "")
    line = Text()
    line.append(time.strftime("%H:%M:%S ", time.localtime(outcome["created"])), "dim")
    line.append(f"{outcome['status'] or '–':>3} ", "red" if refused else "")
    line.append(f"{outcome['result']:<10}", style)
    line.append(f"{sizes:>20} tokens  ")
    line.append(f"{_money(None if refused else outcome.get('saved')):>9} saved  ")
    line.append(f"{outcome['took']:>7.0f} ms  ")
    line.append(f"{outcome['model'] or '–'} ", "bold")
    line.append(outcome["id"], "dim")
    return line


def is_refused(outcome: Mapping[str, Any]) -> bool:
    """Say whether a request was refused, by the upstream or by us."""
    return int(outcome["status"]) >= REFUSED and outcome["status"] != HUNG_UP


def _money(dollars: float | None) -> str:
    """Return an amount."""
    if dollars is None:
        return "–"
    return f"{'−' if dollars < 0 else ''}${abs(dollars):.{4 if abs(dollars) < 1 else 2}f}"


def share(part: float | None, whole: float | None) -> str:
    """Return a share in percent."""
    return f"{100 * (part or 0) / whole:.0f} %" if whole else "–"


def totals_table(totals: Mapping[str, Any], status: Mapping[str, Any]) -> Table:
    """Return the totals of what is kept."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    before, after = totals["before"] or 0, totals["after"] or 0
    saved = None if totals["whole"] is None else totals["whole"] - totals["cost"]
    rows = [
        ("mode, policy", f"{status['mode']}, {status['policy']}", ""),
        ("requests", f"{totals['requests']:,}", f"in {totals['conversations']:,} conversations"),
        ("failed", f"{totals['failed'] or 0:,}", "forwarded unchanged after a failure"),
        ("refused", f"{totals['refused'] or 0:,}", "by the upstream, or by foveate"),
        ("tokens before", f"{before:,}", ""),
        ("tokens after", f"{after:,}", f"{share(before - after, before)} left out"),
        ("prefix reused", share(totals["prefix"], totals["compared"]), "of the forwarded tokens"),
        (
            "cached",
            share(totals["cached"], totals["prompt"]),
            "of the tokens that the upstream counted",
        ),
        ("cost", _money(totals["cost"]), f"{_money(totals['whole'])} without pruning, at list prices"),
        ("saved", _money(saved), ""),
    ]
    if totals["dry"]:
        rows.append(
            ("dry runs", f"{totals['dry']:,}", f"{totals['would'] or 0:,} tokens would be left out")
        )
    for row in rows:
        table.add_row(*row)
    return table
