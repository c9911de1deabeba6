"""One command, one table: `python -m benchmarks.results --data FOLDER [--source S ...]`.

Share of the values that the agent's next calls use and that stand in tool results alone (`hard`), and of all values,
which a prompt at 10, 25 and 50 % of the history still shows. Offline: pieces compete for the whole budget.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.results.cases import Ruler, load, said, stands_in
from benchmarks.results.history import History
from foveate.policies.results.settings import Results

BUDGETS = (0.10, 0.25, 0.50)


def main() -> None:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--data", required=True, type=Path)
    p.add_argument("--source", nargs="+", default=[])
    p.add_argument("--whole", type=int, default=100, help="tokens up to which a result is one piece")
    args = p.parse_args()
    rows: dict[tuple[str, float], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    ruler = Ruler()
    for case in load(args.data, args.source):
        history = History(case, ruler, args.whole)
        for share in BUDGETS:
            row = rows[case.source, share]
            start = time.perf_counter()
            sent = history.cut(share, Results())
            row["ms"].append((time.perf_counter() - start) * 1e3)
            prompt = ruler.messages(sent)
            budget = int(share * history.history) + history.fixed
            text = "\n".join(said(m) for m in sent[:-1] if m["role"] != "system")
            seen = [stands_in(text, v) for v in case.values]
            row["recall"].append(sum(seen) / len(seen))
            row["hard"] += [s for s, hard in zip(seen, case.hard, strict=True) if hard]
            row["over"].append(prompt > 1.02 * budget)
            row["kept"].append((prompt - history.fixed) / max(1, history.history))
    for source, share in sorted(rows):
        row = rows[source, share]
        cells = [f"{key} {sum(found) / max(1, len(found)):.3f}" for key, found in sorted(row.items())]
        print(f"{source:28} {share:.2f} n {len(row['recall']):3} hard_n {len(row['hard']):3}", *cells)


if __name__ == "__main__":
    main()
