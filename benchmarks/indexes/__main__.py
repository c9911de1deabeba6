"""One command: `python -m benchmarks.indexes [--only NAME] [--size N] [--json FILE]`.

Each index runs in a process of its own, one after another, over clustered vectors of 384 dimensions: tenants of 5,000,
conversations of 1,000. Entries added a second, in batches of 40 as foveate writes them at least and of 1,000; the
median time of reading 200 by id, of a search over the 1,000 ids of a conversation, which asks for all of them, and of
one over a tenant for the nearest 64, with the share of the true 64 that it finds; memory, disk, and the time to open
it again and search once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.report import table
from foveate.policies.types import Vectors
from foveate.proxy.vectors.indexes import ANY, INDEXES, Entry, Only, VectorIndex
from foveate.proxy.vectors.indexes.in_memory import InMemory

TENANT, TALK, NEAREST = 5000, 1000, 64
SIZES = (10_000, 100_000)
MOST = {"qdrant": 10_000}  # its local mode writes some sixty a second
HEADS = ["index", "vectors", "add/s", "get 200 ms", "search 1,000 ids ms", "search tenant ms", "recall", "MiB",
         "disk MiB", "open s"]  # fmt: skip


def vectors(count: int) -> Vectors:
    """Return unit vectors around 200 centres, as those of conversations are."""
    random = np.random.default_rng(1)
    centres = random.normal(size=(200, 384))
    rows = np.empty((count, 384), dtype=np.float32)
    for start in range(0, count, 10_000):
        some = min(10_000, count - start)
        rows[start : start + some] = 0.8 * centres[random.integers(0, 200, some)] + random.normal(
            size=(some, 384)
        )
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def made(kind: str, folder: Path) -> VectorIndex:
    """Return an index of that kind, in this process."""
    from importlib import import_module

    if kind == "in_memory":
        return InMemory()
    module, _, name = INDEXES[kind].partition(":")
    index: VectorIndex = getattr(import_module(module), name)("bench", folder)
    return index


def median(ask: Callable[[int], object], times: int = 15) -> float:
    """Return the median milliseconds of an answer."""
    taken = []
    for n in range(times):
        start = time.perf_counter()
        ask(n)
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def fill(index: VectorIndex, rows: Vectors) -> float:
    """Store everything, and return how many entries a second."""
    start = time.perf_counter()
    for first in range(0, len(rows), TALK):
        entries = [
            Entry(f"{n:032x}", rows[n], n, 0, "conversation", "user", 40, 0, f"talk{n // TALK}")
            for n in range(first, min(len(rows), first + TALK))
        ]
        index.upsert(f"tenant{first // TENANT}", entries)
    return len(rows) / (time.perf_counter() - start)


def recall(index: VectorIndex, rows: Vectors, asked: Vectors) -> float:
    """Return the share of the true nearest of the first tenant that searches find."""
    found = []
    for vector in asked:
        nearest = np.argsort(-(rows[:TENANT] @ vector))[:NEAREST]
        told = index.search("tenant0", vector, NEAREST, ANY)
        found.append(len({f"{n:032x}" for n in nearest} & set(told)) / NEAREST)
    return float(np.mean(found))


def resident() -> float:
    """Return the memory of this process in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def measure(kind: str, size: int) -> dict[str, Any]:
    """Return a row of the table."""
    rows = vectors(size)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "index"
        before = resident()
        index = made(kind, folder)
        index.open()
        added = fill(index, rows)
        asked = vectors(size + 40)[-40:]
        talk = Only(ids=[f"{n:032x}" for n in range(TALK)])
        got = median(
            lambda n: index.get("tenant0", [f"{i:032x}" for i in range(n * 200, n * 200 + 200)])
        )
        ids = median(lambda n: index.search("tenant0", asked[n], TALK, talk))
        tenant = median(lambda n: index.search("tenant0", asked[n], NEAREST, ANY))
        share = recall(index, rows, asked)
        memory = resident() - before
        opened = None
        if kind != "in_memory":
            index.close()
            start = time.perf_counter()
            index = made(kind, folder)
            index.open()
            index.search("tenant0", asked[0], NEAREST, ANY)
            opened = time.perf_counter() - start
        index.close()
        disk = sum(f.stat().st_size for f in Path(name).rglob("*") if f.is_file()) / 2**20
    return {"index": kind, "vectors": size, "add": added, "get": got, "ids": ids, "tenant": tenant, "recall": share,
            "memory": memory, "disk": disk, "opened": opened}  # fmt: skip


def row_of(told: dict[str, Any]) -> list[str]:
    """Return a row as it is printed."""
    opened = "-" if told["opened"] is None else f"{told['opened']:.1f}"
    return [
        told["index"], f"{told['vectors']:,}", f"{told['add']:,.0f}", f"{told['get']:.1f}", f"{told['ids']:.1f}",
        f"{told['tenant']:.1f}", f"{told['recall']:.3f}", f"{told['memory']:.0f}", f"{told['disk']:.0f}", opened,
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="one index alone")
    parser.add_argument("--size", type=int, help="one size alone")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.only, args.size)))
        return
    found = []
    for kind in [args.only] if args.only else [name for name in INDEXES if name != "pinecone"]:
        for size in [args.size] if args.size else SIZES:
            if size > MOST.get(kind, size):
                continue
            command = [
                sys.executable,
                "-m",
                "benchmarks.indexes",
                "--one",
                "--only",
                kind,
                "--size",
                str(size),
            ]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{kind} {size}: done", file=sys.stderr)
    print(table(HEADS, [row_of(told) for told in found]))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
