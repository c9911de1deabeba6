"""One command: `python -m benchmarks.speed [--quick] [--url name=URL] [--json FILE] [--plots FOLDER]`."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.speed import report, rounds, targets


async def measure(given: argparse.Namespace, run: Path) -> dict[str, Any]:
    """Start the targets, measure, stop them."""
    mock = targets.mock(run)
    found: list[targets.Target] = []
    try:
        found.append(targets.foveate(run, mock.url))
        found.append(targets.bare(run, mock.url))
        for name, begin in (("nginx", targets.nginx), ("litellm", targets.litellm)):
            if name not in given.without and (target := begin(run, mock.url)):
                found.append(target)
        found += [
            targets.Target(name, url) for name, _, url in (text.partition("=") for text in given.url)
        ]
        await rounds.ready(found[0])
        print("targets:", ", ".join(f"{t.name} {t.url}" for t in found), flush=True)
        wanted = [s for s in rounds.scenarios(given.quick) if given.only in s.name]
        number = 3 if given.quick else 5
        rows = await rounds.compare([*found, mock], wanted, number)
        ours = found[0]
        lengths, probes, memory = [], [], []
        if not given.only:
            lengths = await rounds.lengths(ours, mock, (10, 100, 1000, 5000), number)
            for target, headers in ((ours, {}), (ours, rounds.PRUNING), (found[1], {})):
                probes.append(await rounds.ping(target, headers, 2.0))
            starts = [
                {"target": t.name, "startup": t.startup, "resident": t.resident()}
                for t in found
                if t.process
            ]
            ours.stop()
            probed = targets.probed(run, mock.url)
            try:
                await rounds.ready(probed)
                probes += await rounds.probe(probed, 2.0 if given.quick else 4.0)
            finally:
                probed.stop()
            memory = await rounds.memory(run, mock.url, given.vectors)
        else:
            starts = [
                {"target": t.name, "startup": t.startup, "resident": t.resident()}
                for t in found
                if t.process
            ]
        load = " ".join(f"{x:.1f}" for x in os.getloadavg())
        return {
            "load": load,
            "rows": rows,
            "starts": starts,
            "lengths": lengths,
            "probes": probes,
            "memory": memory,
        }
    finally:
        for target in (*found, mock):
            target.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.speed", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter histories")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="scenarios whose name holds this, and nothing else"
    )
    parser.add_argument(
        "--url", action="append", default=[], metavar="NAME=URL", help="another target that runs"
    )
    parser.add_argument("--without", action="append", default=[], help="leave nginx or litellm out")
    parser.add_argument("--vectors", type=int, nargs="*", default=[10_000], help="sizes of the index")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plots", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="foveate-speed-") as run:
        found = uvloop.run(measure(given, Path(run)))
    print(report.text(found))
    if given.json:
        report.save(found, given.json)
    if given.plots:
        print(report.plots(found, given.plots))


if __name__ == "__main__":
    main()
