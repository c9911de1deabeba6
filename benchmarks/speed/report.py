"""A table, JSON and plots of what was measured."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.rounds import Row, median

BARE = "bare"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(show(cell) for cell in line) + " |" for line in lines) + "\n"


def show(cell: object) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return (
        "-"
        if cell != cell
        else f"{cell:.0f}"
        if abs(cell) >= 100
        else f"{cell:.{1 if abs(cell) >= 10 else 2}f}"
    )


def by_round(rows: Sequence[Row], target: str, scenario: str, key: str) -> dict[int, float]:
    own = [row for row in rows if row["target"] == target and row["scenario"] == scenario]
    return {row["round"]: row[key] for row in own if key in row}


def against(
    rows: Sequence[Row], pair: tuple[str, str], scenario: str, key: str, how: Callable[..., float]
) -> float:
    """Return the median over rounds of one target's number set against another's of the same round."""
    ours, theirs = (by_round(rows, name, scenario, key) for name in pair)
    return median([how(ours[i], theirs[i]) for i in ours if theirs.get(i)])


def added(a: float, b: float) -> float:
    return a - b


def ratio(a: float, b: float) -> float:
    return a / b


def text(found: dict[str, Any]) -> str:
    """Return everything as Markdown tables."""
    rows: list[Row] = found["rows"]
    names = list(dict.fromkeys(row["target"] for row in rows if row["target"] != "direct"))
    where = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    lines = [f"{where}; load {found['load']}\n"]
    heads = [
        "request", "target", "added p50 ms", "added p99 ms", "CPU ms", "CPU : bare", "added first byte ms",
        "first byte : bare", "jitter ms", "requests/s",
    ]  # fmt: skip
    body = []
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        for name in names:
            if not by_round(rows, name, scenario, "p50"):
                continue
            here, base = (name, "direct"), (name, BARE)
            cells: list[object] = [scenario, name]
            cells += [against(rows, here, scenario, key, added) for key in ("p50", "p99")]
            cells += [median(list(by_round(rows, name, scenario, "cpu").values()))]
            cells += [
                against(rows, base, scenario, "cpu", ratio),
                against(rows, here, scenario, "first", added),
            ]
            cells += [against(rows, base, scenario, "first", ratio)]
            cells += [
                median(list(by_round(rows, name, scenario, key).values())) for key in ("jitter", "rate")
            ]
            body.append(cells)
    lines.append(table(heads, body))
    started = [[s["target"], s["startup"], s["resident"]] for s in found["starts"]]
    lines.append(table(["target", "start to first answer s", "resident MiB after all"], started))
    if found["lengths"]:
        histories = []
        for name in dict.fromkeys(row["messages"] for row in found["lengths"]):
            of = [row for row in found["lengths"] if row["messages"] == name]
            cells = [
                name,
                of[0]["bytes"] // 1000,
                median([r["cold"] for r in of]),
                median([r["warm"] for r in of]),
            ]
            histories.append([*cells, "yes" if all(r["complete"] for r in of) else "no"])
        heads = [
            "messages",
            "kB",
            "cold, added ms",
            "warm, new question, added p50 ms",
            "all embedded when warm",
        ]
        lines.append(table(heads, histories))
    keys = ("what", "beside", "n", "p50", "p99", "worst")
    probes = [[p["target"], *(p[key] for key in keys)] for p in found["probes"]]
    lines.append(table(["how late", "what", "beside", "n", "p50 ms", "p99 ms", "worst ms"], probes))
    if found["memory"]:
        heads = [
            "vectors in the index",
            "resident MiB at start",
            "after one pruned request",
            "after 400 kB histories",
        ]
        lines.append(
            table(heads, [[m["vectors"], m["idle"], m["used"], m["loaded"]] for m in found["memory"]])
        )
    return "\n".join(lines)


def plots(found: dict[str, Any], folder: Path) -> str:
    """Write PNG plots; return one line on what was done."""
    if importlib.util.find_spec("matplotlib") is None:
        return "no plots: matplotlib is not installed"
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = found["rows"]
    shown = [s for s in dict.fromkeys(r["scenario"] for r in rows) if by_round(rows, BARE, s, "cpu")]
    names = [n for n in dict.fromkeys(r["target"] for r in rows) if n != "direct"]
    for key, title in (("cpu", "CPU ms a request"), ("p50", "p50 ms")):
        figure, axes = pyplot.subplots(figsize=(10, 5), layout="constrained")
        for place, name in enumerate(names):
            heights = [median(list(by_round(rows, name, s, key).values())) for s in shown]
            width = 0.8 / len(names)
            axes.bar([i + place * width for i in range(len(shown))], heights, width, label=name)
        axes.set_xticks(range(len(shown)), shown, rotation=30, ha="right")
        axes.set(yscale="log", ylabel=title)
        axes.legend()
        figure.savefig(folder / f"{key}.png", dpi=120)
    counted = [row for row in found["lengths"] if row["messages"].isdigit()]
    if counted:
        figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
        for key in ("cold", "warm"):
            axes.plot([int(r["messages"]) for r in counted], [r[key] for r in counted], "o-", label=key)
        axes.set(xscale="log", yscale="log", xlabel="messages", ylabel="added ms")
        axes.legend()
        figure.savefig(folder / "lengths.png", dpi=120)
    return f"plots: {folder}"


def save(found: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(found, indent=1))
