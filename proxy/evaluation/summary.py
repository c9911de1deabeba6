"""What an evaluation found: means by source, contestant and budget, as a table and as a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from foveate.policies.registry import load as load_target
from foveate.proxy.evaluation.evidence import Judged


def summary(rows: Sequence[Judged]) -> list[dict[str, Any]]:
    """Return the means by source, contestant and budget."""
    groups: dict[tuple[str, str, float], list[Judged]] = defaultdict(list)
    for row in rows:
        groups[row.source, row.contestant, row.budget].append(row)
    return [
        {
            "source": source, "contestant": contestant, "budget": budget, "cases": len(mine),
            "recall": sum(r.recall for r in mine) / len(mine),
            "all": sum(r.recall == 1.0 for r in mine) / len(mine),
            "kept": sum(r.kept for r in mine) / len(mine),
            "over": sum(r.over for r in mine) / len(mine),
            "invalid": sum(r.invalid for r in mine) / len(mine),
        }
        for (source, contestant, budget), mine in groups.items()
    ]  # fmt: skip


def recall_table(rows: Sequence[Mapping[str, Any]], budgets: Sequence[float]) -> Table:
    """Return the summary as a table: evidence recall, and at the last budget the other columns."""
    shown = Table(box=None, pad_edge=False)
    heads = [f"{100 * b:g} %" for b in budgets]
    for head in (
        "source",
        "contestant",
        *heads,
        f"all at {heads[-1]}",
        f"kept at {heads[-1]}",
        "over",
        "invalid",
    ):
        shown.add_column(
            head, justify="left" if head in ("source", "contestant") else "right", no_wrap=True
        )
    cells = {(r["source"], r["contestant"], r["budget"]): r for r in rows}
    for source, contestant in dict.fromkeys((r["source"], r["contestant"]) for r in rows):
        mine = [cells[source, contestant, b] for b in budgets]
        recalls = [f"{100 * r['recall']:.1f}" for r in mine]
        worst = [f"{100 * max(r[key] for r in mine):.1f}" for key in ("over", "invalid")]
        last = [f"{100 * mine[-1][key]:.1f}" for key in ("all", "kept")]
        shown.add_row(source, contestant, *recalls, *last, *worst)
    return shown


def plot(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write recall against budget as a PNG, one panel a source."""
    use = load_target("matplotlib:use")
    use("Agg")
    subplots: Any = load_target("matplotlib.pyplot:subplots")
    sources = list(dict.fromkeys(r["source"] for r in rows))
    figure, axes = subplots(1, len(sources), figsize=(4 * len(sources), 4), squeeze=False, sharey=True)
    for axis, source in zip(axes[0], sources, strict=True):
        for name in dict.fromkeys(r["contestant"] for r in rows):
            mine = [r for r in rows if r["source"] == source and r["contestant"] == name]
            axis.plot(
                [100 * r["budget"] for r in mine],
                [100 * r["recall"] for r in mine],
                marker="o",
                label=name,
            )
        axis.set(title=source, xlabel="budget, % of the history")
    axes[0][0].set_ylabel("evidence kept, %")
    axes[0][-1].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
