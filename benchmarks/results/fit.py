"""Fits the weights of pieces: `python -m benchmarks.results.fit --data FOLDER --sources A B --held C [--rounds N]`.

Coordinate search over Results: each number in turn is tried smaller and larger, what raises the mean of `hard` over
sources and budgets stays. Sources that are held out are only reported. Deterministic.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from benchmarks.results.cases import Case, Ruler, load, said, stands_in
from benchmarks.results.history import History
from foveate.policies.results.settings import Results, Weights

BUDGETS = (0.10, 0.25, 0.50)
NUMBERS = ("price", "half_life", "turn_half_life", "near", "kin", "smoothing")
Table = Mapping[str, tuple[float, ...]]


class Bench:
    """Cases with their pieces, read once."""

    def __init__(self, cases: Sequence[Case], whole: int) -> None:
        self.ruler = Ruler()
        self.histories = [History(c, self.ruler, whole) for c in cases]

    def table(self, results: Results) -> Table:
        """Return `hard` by source at each budget."""
        found: dict[str, list[list[bool]]] = defaultdict(lambda: [[] for _ in BUDGETS])
        for history in self.histories:
            case = history.case
            for place, share in enumerate(BUDGETS):
                text = "\n".join(
                    said(m) for m in history.cut(share, results)[:-1] if m["role"] != "system"
                )
                hard = zip(case.values, case.hard, strict=True)
                found[case.source][place] += [stands_in(text, v) for v, only in hard if only]
        return {s: tuple(sum(b) / max(1, len(b)) for b in rows) for s, rows in found.items() if rows[0]}


def value(table: Table, floors: Table) -> float:
    """The mean over sources and budgets; what is below the best plain rule there counts double."""
    cells = [
        x - max(0.0, floor - x)
        for s, row in table.items()
        for x, floor in zip(row, floors.get(s, row), strict=True)
    ]
    return sum(cells) / max(1, len(cells))


def plain(path: Path | None) -> Table:
    """The best plain rule of each source, by its mean: rows with source, method, budget and hard."""
    rows: dict[str, dict[str, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in json.loads(path.read_bytes())["rows"] if path else ():
        rows[row["source"]][row["method"]][row["budget"]] = row["hard"] or 0.0
    best = {s: max(methods.values(), key=lambda m: sum(m.values())) for s, methods in rows.items()}
    return {s: tuple(found[b] for b in BUDGETS) for s, found in best.items()}


def changed(results: Results, name: str, factor: float) -> Results:
    if name in NUMBERS:
        return replace(results, **{name: getattr(results, name) * factor})
    weights = replace(results.weights, **{name: max(0.0, getattr(results.weights, name) * factor)})
    return replace(results, weights=weights)


def main() -> None:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--data", required=True, type=Path, nargs="+")
    p.add_argument("--sources", nargs="+", required=True)
    p.add_argument("--plain", type=Path, help="what plain rules keep on the same data, as JSON rows")
    p.add_argument("--held", nargs="+", default=[])
    p.add_argument("--names", nargs="+", help="only these numbers, in this order in the first round")
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--limit", type=int, default=25, help="cases a source")
    p.add_argument("--whole", type=int, default=100)
    p.add_argument("--seconds", type=float, default=600)
    args = p.parse_args()
    start = time.monotonic()
    cases = [c for folder in args.data for c in load(folder, [*args.sources, *args.held])]
    by_source: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if any(case.hard):
            by_source[case.source].append(case)
    few = [mine[i * len(mine) // min(args.limit, len(mine))] for mine in by_source.values()
           for i in range(min(args.limit, len(mine)))]  # fmt: skip
    bench = Bench([c for c in few if c.source in args.sources], args.whole)
    floors = plain(args.plain)
    best, table = Results(), bench.table(Results())
    top = value(table, floors)
    print(f"start {top:.4f}", table, flush=True)
    names = args.names or [*(f.name for f in fields(Weights)), *NUMBERS]
    rng = random.Random(7)
    for turn in range(args.rounds):
        if turn or not args.names:
            rng.shuffle(names)
        for name in names:
            for factor in (0.4, 2.2) if turn == 0 else (0.7, 1.4):
                if time.monotonic() - start > args.seconds:
                    break
                tried = changed(best, name, factor)
                table = bench.table(tried)
                if value(table, floors) > top + 1e-6:
                    best, top = tried, value(table, floors)
                    print(f"{time.monotonic() - start:.0f} s {name} x{factor}: {top:.4f}", flush=True)
                    break
    print(best)
    print(asdict(best.weights))
    whole = Bench(cases, args.whole)
    for source, row in sorted(whole.table(best).items()):
        print(
            f"{source:28}", *(f"{100 * x:5.1f}" for x in row), "held out" if source in args.held else ""
        )


if __name__ == "__main__":
    sys.exit(main())
