"""How it holds out: `python -m benchmarks.soak --minutes 60 [--workers 1] [--plot soak.png] [--json soak.json]`.

64 callers talk without a pause: of 10,000 conversations each request takes one, goes on with it, and asks for a budget
that it is over; every second answer is streamed. Memory, open files and threads of the whole family of processes are
read every five seconds. The first part, up to ten minutes, is left for caches to fill; after that they should be flat.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import uvloop

from benchmarks.speed import bodies, targets
from benchmarks.speed.load import connect, request
from benchmarks.workers import begin

CALLERS, CONVERSATIONS, EVERY = 64, 10_000, 5.0
BUDGET = {"x-pruning-budget": "3000/1500"}
WARM = 600.0  # seconds, or a quarter of all, that caches have to fill


@dataclass
class Reading:
    """What the processes hold at one moment."""

    at: float  # seconds since the start
    mib: float
    files: int
    threads: int
    answered: int
    errors: int


@dataclass
class Soak:
    """A soak under way."""

    until: float
    turns: dict[int, int] = field(default_factory=dict)
    answered: int = 0
    errors: dict[str, int] = field(default_factory=dict)

    async def talk(self, target: targets.Target, number: int) -> None:
        """Be one caller."""
        rng = random.Random(number)
        while time.monotonic() < self.until:
            which = rng.randrange(CONVERSATIONS)
            turn = self.turns[which] = self.turns.get(which, rng.randrange(12, 30)) + 2
            stream = bool(rng.randrange(2))
            content = conversation(which, min(turn, 60), stream)
            try:
                connection = await connect(target.url)
                try:
                    wire = request(target.url, content, {**target.headers, **BUDGET})
                    sample = await connection.ask(wire)
                finally:
                    connection.close()
                wrong = "" if sample.status == 200 and sample.first > 0 else str(sample.status)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                wrong = type(error).__name__
            if wrong:
                self.errors[wrong] = self.errors.get(wrong, 0) + 1
            else:
                self.answered += 1

    async def read(self, target: targets.Target) -> list[Reading]:
        """Return readings until the end."""
        found: list[Reading] = []
        start = time.monotonic()
        assert target.process
        while time.monotonic() < self.until:
            await asyncio.sleep(EVERY)
            pids = targets.family(target.process.pid)
            found.append(
                Reading(
                    round(time.monotonic() - start, 1),
                    round(sum(targets.resident_of(pid) for pid in pids), 1),
                    sum(counted(pid, "fd") for pid in pids),
                    sum(counted(pid, "task") for pid in pids),
                    self.answered,
                    sum(self.errors.values()),
                )
            )
        return found


def conversation(which: int, count: int, stream: bool) -> bytes:
    """Return a conversation's first `count` messages of some 700 characters; no two share one."""
    said = bodies.sentences()
    messages = [
        {
            "role": "assistant" if n % 2 else "user",
            "content": f"{which}/{n} "
            + " ".join(said[(which * 97 + n * 31 + i) % len(said)] for i in range(5)),
        }
        for n in range(count | 1)
    ]
    return bodies.body(messages, stream)


def counted(pid: int, what: str) -> int:
    """Return how many files or threads a process has."""
    try:
        return len(os.listdir(f"/proc/{pid}/{what}"))
    except OSError:
        return 0


async def soak(given: argparse.Namespace, run: Path) -> dict[str, object]:
    """Run it, and return what was read."""
    mock = targets.mock(run)
    target = begin(run / "foveate", mock.url, given.workers)
    try:
        soaking = Soak(time.monotonic() + 60 * given.minutes)
        callers = [soaking.talk(target, number) for number in range(CALLERS)]
        readings, *_ = await asyncio.gather(soaking.read(target), *callers)
        log = (run / "foveate" / "log").read_text()
    finally:
        target.stop()
        mock.stop()
    return {
        "minutes": given.minutes,
        "workers": given.workers,
        "errors": soaking.errors,
        "readings": [asdict(reading) for reading in readings],
        "log_lines": len(log.splitlines()),
        "load": os.getloadavg(),
    }


def told(found: dict[str, object]) -> str:
    """Return what the readings say in a few lines."""
    readings: list[dict[str, float]] = found["readings"]  # type: ignore[assignment]
    warm = min(WARM, readings[-1]["at"] / 4)
    after = [row for row in readings if row["at"] > warm]
    third = max(1, len(after) // 3)
    lines = [
        f"{readings[-1]['answered']} answered, errors {found['errors'] or 'none'}, load {found['load']}"
    ]
    for name in ("mib", "files", "threads"):
        early, late = (median(row[name] for row in part) for part in (after[:third], after[-third:]))
        most = max(row[name] for row in readings)
        lines.append(f"{name}: {early:g} after {warm:g} s, {late:g} at the end, {most:g} at the most")
    return "\n".join(lines)


def plotted(found: dict[str, object], path: Path) -> None:
    """Write a picture of the readings."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    readings: list[dict[str, float]] = found["readings"]  # type: ignore[assignment]
    figure, axes = pyplot.subplots(3, 1, sharex=True, figsize=(8, 6))
    minutes = [row["at"] / 60 for row in readings]
    for axis, name in zip(axes, ("mib", "files", "threads"), strict=True):
        axis.plot(minutes, [row[name] for row in readings])
        axis.set_ylabel({"mib": "MiB"}.get(name, name))
        axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("minutes")
    figure.suptitle(f"{found['workers']} worker(s), {CALLERS} callers, {CONVERSATIONS} conversations")
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = uvloop.run(soak(given, Path(folder)))
    print(told(found))
    if given.json:
        given.json.write_text(json.dumps(found))
    if given.plot:
        plotted(found, given.plot)


if __name__ == "__main__":
    main()
