"""What more workers bring: `python -m benchmarks.workers [--workers 1,2] [--pin] [--seconds 5] [--rounds 3]`.

64 callers send requests of 1 kB as fast as they are answered, and 16 send histories of 400 kB, to foveate with one
worker and with several in turn, to a bare relay with as many, and to the upstream itself, which is the most that the
load generator can do. They share the machine's cores: on a machine of few of them the CPU a request says more than
requests a second do. With `--pin` N workers have N cores to themselves, and what loads them the others.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import uvloop

from benchmarks.speed import bodies, targets
from benchmarks.speed.load import drive, request

COMMAND = [sys.executable, "-c", "from foveate.proxy.cli import main; main()", "serve"]
SETTINGS = """data: {run}/data
upstream: {{type: http, url: "{upstream}/v1"}}
server: {{port: {port}, workers: {workers}, log_level: warning}}
"""
BODIES = {"1 kB, 64 callers": (bodies.small, 64), "400 kB, 16 callers": (bodies.large, 16)}


def begin(run: Path, upstream: str, workers: int, pin: Sequence[str] = ()) -> targets.Target:
    """Start foveate with so many workers."""
    run.mkdir()
    port = targets.free_port()
    config = run / "config.yaml"
    config.write_text(SETTINGS.format(run=run, upstream=upstream, port=port, workers=workers))
    root = Path(__file__).parent.parent
    paths = {"PYTHONPATH": os.pathsep.join([str(root / ".package"), os.environ.get("PYTHONPATH", "")])}
    command = [*pin, *COMMAND, "--config", str(config)]
    return targets.start(f"{workers} workers", command, f"http://127.0.0.1:{port}", run / "log", paths)


def bare(run: Path, upstream: str, workers: int, pin: Sequence[str]) -> targets.Target:
    """Start a bare relay with so many workers."""
    target = targets.bare(run, upstream, [*pin], ["--workers", str(workers)])
    target.name = f"bare, {workers}"
    return target


def pinned(cores: Sequence[int], workers: int) -> list[str]:
    """Return what begins a command that has as many cores as workers."""
    return ["taskset", "-c", ",".join(map(str, cores[:workers]))]


async def turn(target: targets.Target, name: str, seconds: float) -> tuple[float, float, float, float]:
    """Return requests a second, median milliseconds to the first byte, CPU milliseconds a request, and the
    share of the busiest process.
    """
    make, callers = BODIES[name]
    wire = request(target.url, make(), target.headers)
    await drive(target.url, wire, 100, callers, 1.0)
    before = (
        {pid: targets.cpu_of(pid) for pid in targets.family(target.process.pid)}
        if target.process
        else {}
    )
    start = time.monotonic()
    samples = await drive(target.url, wire, 10**9, callers, seconds)
    took = time.monotonic() - start
    spent = [targets.cpu_of(pid) - cpu for pid, cpu in before.items()]
    first = median(sample.first for sample in samples)
    return len(samples) / took, first, 1000 * sum(spent) / len(samples), max(spent) / (sum(spent) or 1)


async def compare(name: str, found: Sequence[targets.Target], given: argparse.Namespace) -> None:
    """Print a row a target, medians over the rounds."""
    rows = [[await turn(target, name, given.seconds) for target in found] for _ in range(given.rounds)]
    for i, target in enumerate(found):
        rate, first, cpu, share = (
            median(column) for column in zip(*(row[i] for row in rows), strict=True)
        )
        ratio = median(row[i][0] / row[0][0] for row in rows)
        print(
            f"{name:20} {target.name:10} {rate:8.0f} a second ({ratio:.2f})  first byte {first:7.1f} ms  "
            f"CPU {cpu:.2f} ms a request, busiest process {100 * share:.0f} %",
            flush=True,
        )


async def measure(given: argparse.Namespace, run: Path) -> None:
    """Start the targets, and measure them with every body."""
    cores = sorted(os.sched_getaffinity(0))
    if given.pin:
        os.sched_setaffinity(0, cores[max(given.workers) :])  # the upstream's too, as it is a child
    mock = targets.mock(run)
    found: list[targets.Target] = []
    try:
        for n in given.workers:
            pin = pinned(cores, n) if given.pin else []
            (run / f"bare-{n}").mkdir()
            found += [
                begin(run / str(n), mock.url, n, pin),
                bare(run / f"bare-{n}", mock.url, n, pin),
            ]
        await asyncio.sleep(5)
        for name in BODIES:
            await compare(name, [*found, mock], given)
    finally:
        for target in [*found, mock]:
            target.stop()
    print(f"{os.cpu_count()} cores, load {' '.join(f'{x:.1f}' for x in os.getloadavg())}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--workers", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2]
    )
    parser.add_argument("--pin", action="store_true")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.pin and len(os.sched_getaffinity(0)) <= max(given.workers):
        parser.error("--pin takes more cores than workers")
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(given, Path(folder)))


if __name__ == "__main__":
    main()
