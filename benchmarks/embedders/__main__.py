"""One command: `python -m benchmarks.embedders [--data FOLDER] [--only TEXT] [--retention] [--json FILE]`.

Each runtime runs in a process of its own, one after another: texts a second, the time of one short text, memory, how
near its vectors are to float32, and with --retention what of the evidence the default policy keeps with them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.embedders.runtimes import REFERENCE, RUNTIMES
from benchmarks.retention.__main__ import DATA
from benchmarks.speed.report import table
from benchmarks.speed.targets import resident_of
from foveate.policies.types import Vectors
from foveate.proxy.config.loading import load_settings
from foveate.proxy.config.policies import build_policies
from foveate.proxy.evaluation.evaluate import CaseReader, contestants, measure
from foveate.proxy.evaluation.evidence import load_cases
from foveate.proxy.evaluation.summary import summary

LONG, SHORT, ONE = 60, 300, 60  # texts
HEADS = [
    "runtime",
    "long texts/s",
    "short texts/s",
    "one short text ms",
    "start s",
    "MiB",
    "cosine",
    "top 5 alike %",
]


def texts(folder: Path) -> dict[str, list[str]]:
    """Return texts of the conversations in a folder: of over 1,200 characters, and of a sentence or two."""
    found: list[str] = []
    for path in sorted((folder / "conversations").glob("*.json")) or sorted(folder.glob("*.json")):
        said = json.loads(path.read_text())["messages"]
        found += [m["content"] for m in said if isinstance(m.get("content"), str)]
    found = list(dict.fromkeys(found))
    picked = np.random.default_rng(7).permutation(len(found))
    mixed = [found[i] for i in picked]
    return {
        "long": [t for t in mixed if len(t) > 1200][:LONG],
        "short": [t for t in mixed if 60 < len(t) < 160][:SHORT],
        "one": [t for t in mixed if 80 < len(t) < 120][:ONE],
    }


def run(name: str, data: Path, out: Path, retention: bool) -> None:
    """Measure one runtime in this process."""
    given = texts(data)
    before, start = resident_of(SELF), time.monotonic()
    embed = RUNTIMES[name]()
    embed(given["one"][:3])
    row: dict[str, Any] = {"start": time.monotonic() - start, "resident": resident_of(SELF) - before}
    vectors = []
    for kind in ("long", "short"):
        start = time.monotonic()
        vectors.append(embed(given[kind]))
        row[kind] = len(given[kind]) / (time.monotonic() - start)
    took = []
    for text in given["one"]:
        start = time.monotonic()
        embed([text])
        took.append(1000 * (time.monotonic() - start))
    row["one"] = statistics.median(took)
    row["resident"] = max(row["resident"], resident_of(SELF) - before)
    np.save(out / "vectors.npy", np.concatenate(vectors))
    if retention:
        row["retention"] = evidence(data, embed)
    (out / "row.json").write_text(json.dumps(row))


SELF = int(Path("/proc/self").resolve().name)


class Function:
    """An embedder made of a function."""

    name = "measured"
    reads = 1000
    batch = 16
    symmetric = True

    def __init__(self, embed: Any) -> None:
        self.embed = self.embed_queries = embed

    def load(self) -> None: ...


def evidence(data: Path, embed: Any) -> dict[str, list[float]]:
    """Return the share of the evidence that is kept at 10, 25 and 50 % of the tokens, by source."""
    policies = {"balanced": build_policies(load_settings(None))["balanced"]}
    with CaseReader(Function(embed)) as reader:
        rows = list(measure(load_cases(data, (), 0), reader, contestants(policies, baselines=False)))
    found: dict[str, list[float]] = {}
    for row in summary(rows):
        found.setdefault(row["source"], []).append(100 * row["recall"])
    return found


def alike(vectors: Vectors, reference: Vectors) -> tuple[float, float]:
    """Return the mean cosine to the reference's vectors, and how many of the five nearest texts are the same."""
    cosine = (
        float((vectors * reference).sum(axis=1).mean())
        if vectors.shape == reference.shape
        else float("nan")
    )
    nearest = []
    for rows in (vectors, reference):
        likeness = rows @ rows.T
        np.fill_diagonal(likeness, -1)
        nearest.append(np.argsort(-likeness, axis=1)[:, :5])
    same = [len({*a} & {*b}) / 5 for a, b in zip(*(n.tolist() for n in nearest), strict=True)]
    return cosine, 100 * statistics.mean(same)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.embedders", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", default="", metavar="TEXT", help="runtimes whose name holds this")
    parser.add_argument(
        "--retention", action="store_true", help="measure what evidence is kept with the vectors"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--run", default="", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        run(given.run, given.data, given.out, given.retention)
        return
    rows: dict[str, Any] = {}
    reference: Vectors | None = None
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        for name in RUNTIMES:
            if name != REFERENCE and given.only not in name:
                continue
            command = [
                sys.executable,
                "-m",
                "benchmarks.embedders",
                "--run",
                name,
                "--data",
                str(given.data),
            ]
            options = ["--out", str(out), *(["--retention"] if given.retention else [])]
            done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name}: not measured: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
                continue
            vectors: Vectors = np.load(out / "vectors.npy")
            reference = vectors if reference is None else reference
            cosine, same = alike(vectors, reference)
            rows[name] = {**json.loads((out / "row.json").read_text()), "cosine": cosine, "same": same}
            print(f"  {name}: done", flush=True)
    keys = ("long", "short", "one", "start", "resident", "cosine", "same")
    print(table(HEADS, [[name, *(f"{row[key]:.3g}" for key in keys)] for name, row in rows.items()]))
    if given.retention:
        sources = list(next(iter(rows.values()))["retention"])
        cells = [
            [n, *(" / ".join(f"{x:.1f}" for x in r["retention"][s]) for s in sources)]
            for n, r in rows.items()
        ]
        print(table(["evidence kept at 10 / 25 / 50 %", *sources], cells))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
