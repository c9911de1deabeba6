"""What is sent to each target, and what is noted. Targets take turns, so that what else runs here hits them alike."""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.speed import bodies, load, targets
from benchmarks.speed.load import Sample
from benchmarks.speed.targets import Target

Row = dict[str, Any]
HUGE = 40_000  # a budget that no body here needs to be parsed for is larger than this many tokens
PRUNING = {"x-pruning-budget": "40000/20000"}
SECONDS = 3.0  # that a target is driven for, at the most


@dataclass(frozen=True)
class Scenario:
    """One kind of request."""

    name: str
    body: bytes
    concurrency: int = 1
    count: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    ours: bool = False  # sent to foveate alone: the others do not prune
    path: str = "/v1/chat/completions"


def scenarios(quick: bool) -> list[Scenario]:
    """Return the small and large bodies, streamed and not, at three concurrencies; then what prunes.

    Small ones of every API come first: what large ones leave to do in the background counts as theirs.
    """
    small, large = bodies.small(), bodies.large()
    rows = [
        Scenario(f"1 kB {wire} x1", bodies.retold(small, wire), 1, 600, path=path)
        for wire, path in bodies.PATHS.items()
    ]
    for concurrency in (1, 16) if quick else (1, 16, 64):
        many = 600 if quick else 1200
        rows += [
            Scenario(f"1 kB x{concurrency}", small, concurrency, many),
            Scenario(f"1 kB stream x{concurrency}", bodies.small(stream=True), concurrency, many // 3),
            Scenario(f"400 kB x{concurrency}", large, concurrency, many // 6),
        ]
    rows.append(Scenario("400 kB stream x1", bodies.large(stream=True), 1, 60))
    rows.append(Scenario("paced stream x16", bodies.small(stream=True, paced=True), 16, 64))
    over = {"x-pruning-budget": "120000"}
    rows.append(Scenario("400 kB parsed x1", large, 1, 60, {**over, "x-pruning": "on"}))
    afresh = {**PRUNING, "x-pruning-sticky": "off"}
    for wire, path in bodies.PATHS.items():
        rows += [
            Scenario(f"400 kB {wire} x1", bodies.retold(large, wire), 1, 60, path=path),
            Scenario(
                f"400 kB {wire}, cut x1",
                bodies.retold(large, wire),
                1,
                40,
                afresh,
                ours=True,
                path=path,
            ),
        ]
    again = large.replace(bodies.NONCE, b"")
    rows.append(Scenario("400 kB sticky x1", large, 1, 60, PRUNING, ours=True))
    rows.append(Scenario("400 kB cut x1", again, 1, 60, afresh, ours=True))
    rows.append(Scenario("400 kB cut, new question x1", large, 1, 40, afresh, ours=True))
    return rows


def note(
    target: Target, scenario: str, number: int, samples: Sequence[Sample], cpu: float, took: float
) -> Row:
    """Return the numbers of one turn; milliseconds."""
    totals = [sample.total for sample in samples]
    delays = [delay for sample in samples for delay in sample.delays]
    row: Row = {
        "target": target.name, "scenario": scenario, "round": number, "n": len(samples),
        "p50": quantile(totals, 0.5), "p99": quantile(totals, 0.99),
        "first": quantile([sample.first for sample in samples], 0.5),
        "cpu": 1000 * cpu / len(samples), "rate": len(samples) / took,
    }  # fmt: skip
    if delays:
        row |= {
            "delay": quantile(delays, 0.5),
            "jitter": quantile(delays, 0.99) - quantile(delays, 0.5),
        }
    return row


def quantile(values: Sequence[float], share: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


async def turn(target: Target, scenario: Scenario, number: int) -> Row:
    headers = {**target.headers, **scenario.headers}
    wire = load.request(target.url, scenario.body, headers, scenario.path)
    await load.drive(target.url, wire, scenario.concurrency * 2, scenario.concurrency, SECONDS)
    gc.collect()
    before, start = target.cpu(), time.monotonic()
    samples = await load.drive(target.url, wire, scenario.count, scenario.concurrency, SECONDS)
    return note(target, scenario.name, number, samples, target.cpu() - before, time.monotonic() - start)


async def compare(found: Sequence[Target], wanted: Sequence[Scenario], rounds: int) -> list[Row]:
    """Return rows for each target, scenario and round; the order of targets turns with the rounds."""
    rows = []
    for scenario in wanted:
        if (
            "400 kB" in scenario.name
        ):  # near the budget it is embedded: a turn that is not counted, then time for it
            await turn(found[0], scenario, -1)
            await settled(found[0])
        for number in range(rounds):
            taking = [t for t in found if not scenario.ours or t.name.startswith(("foveate", "direct"))]
            order = taking[number % len(taking) :] + taking[: number % len(taking)]
            for target in order:
                try:
                    rows.append(await turn(target, scenario, number))
                except (OSError, RuntimeError, TimeoutError) as error:
                    if target is found[0]:
                        raise
                    print(
                        f"  {scenario.name}: {target.name} is left out of round {number}: {error}",
                        flush=True,
                    )
        print(f"  {scenario.name}: done", flush=True)
    return rows


async def ready(target: Target, seconds: float = 30.0) -> None:
    """Wait until foveate has loaded its model and opened its index, which goes on beside its first requests."""
    connection = await load.connect(target.url)
    until = time.monotonic() + seconds
    while (await connection.ask(load.request(target.url, b"", {}, "/-/ready"))).status != 200:
        if time.monotonic() > until:
            raise RuntimeError("foveate does not become ready")
        await asyncio.sleep(0.1)
    connection.close()


async def settled(target: Target, seconds: float = 90.0) -> bool:
    """Wait until foveate has embedded what it knows; say whether it has."""
    until = time.monotonic() + seconds
    wire = load.request(target.url, b"", {}, "/-/metrics")
    connection = await load.connect(target.url)
    try:
        while time.monotonic() < until:
            await connection.ask(wire)
            text = b"".join(chunk for _, chunk in connection.chunks).decode()
            if any(row.startswith("foveate_embedding_queue 0") for row in text.splitlines()):
                return True
            await asyncio.sleep(0.2)
        return False
    finally:
        connection.close()


async def lengths(target: Target, direct: Target, counts: Sequence[int], rounds: int) -> list[Row]:
    """Return what pruning adds against the history's length: cold, and warm for a new question."""
    rows: list[Row] = []
    for count, size in [(60, 1700), *((count, 80) for count in counts)]:
        name = "25k tokens" if size > 80 else str(count)
        tokens = count * size // 4
        headers = {
            "x-pruning-budget": f"{max(20, tokens // 2)}/{max(10, tokens // 4)}",
            "x-pruning-sticky": "off",
        }
        for number in range(rounds if count < 5000 else 1):
            body = bodies.history(count, size, f"{time.time_ns():x}"[-8:])
            wire = load.request(target.url, body, {**target.headers, **headers})
            plain = await load.drive(direct.url, wire, 20, 1, SECONDS)
            await settled(target)
            cold = await load.drive(target.url, wire, 1, 1, SECONDS)
            complete = await settled(target)
            warm = await load.drive(target.url, wire, 20, 1, SECONDS)
            base = quantile([sample.total for sample in plain], 0.5)
            rows.append({
                "messages": name, "bytes": len(body), "round": number, "complete": complete,
                "cold": cold[0].total - base, "warm": quantile([s.total for s in warm], 0.5) - base,
            })  # fmt: skip
        print(f"  a history of {name}: done", flush=True)
    return rows


async def ping(target: Target, headers: dict[str, str], seconds: float) -> Row:
    """Return how late a tiny request is answered while four large ones run."""
    wire = load.request(target.url, bodies.large(), {**target.headers, **headers})
    tiny = load.request(target.url, b"", {}, "/-/healthy")
    connection = await load.connect(target.url)
    busy = asyncio.create_task(load.drive(target.url, wire, 100_000, 4, seconds))
    waits = []
    while not busy.done():
        waits.append((await connection.ask(tiny)).total)
        await asyncio.sleep(0.001)
    connection.close()
    await busy
    return held(target.name, "400 kB x4, pruned" if headers else "400 kB x4", "a ping", waits)


def work() -> list[Scenario]:
    """Return what keeps foveate busy while its event loop is watched; a cold history is sent once."""
    small, large, salt = bodies.small(), bodies.large(), f"{time.time_ns():x}"[-8:]
    long, afresh, many = bodies.history(5000, 80, "probe"), {"x-pruning-sticky": "off"}, 100_000
    return [
        Scenario("1 kB x16", small, 16, many),
        Scenario("400 kB x4", large, 4, many),
        Scenario("400 kB x4, cut, new question", large, 4, many, {**PRUNING, **afresh}),
        Scenario("400 kB x4, sticky", large, 4, many, PRUNING),
        Scenario("5,000 messages, within", long, 1, many, {"x-pruning-budget": "900000"}),
        Scenario("5,000 messages, cut", long, 1, many, {"x-pruning-budget": "50000/25000", **afresh}),
        Scenario(
            "25k tokens, cold", bodies.history(60, 1700, salt), 1, 1, {"x-pruning-budget": "10000/5000"}
        ),
        Scenario("400 kB, cold", bodies.history(200, 1980, salt), 1, 1, PRUNING),
    ]


async def probe(target: Target, seconds: float) -> list[Row]:
    """Return how late a timer in foveate's event loop fires beside each kind of work."""
    rows = []
    for scenario in work():
        wire = load.request(target.url, scenario.body, {**target.headers, **scenario.headers})
        if scenario.count > 1:
            await load.drive(target.url, wire, 2 * scenario.concurrency, scenario.concurrency, SECONDS)
        await settled(target)
        await lateness(target)
        await load.drive(target.url, wire, scenario.count, scenario.concurrency, seconds)
        rows.append(held(target.name, scenario.name, "a timer", await lateness(target)))
    return rows


async def lateness(target: Target) -> list[float]:
    """Return by how many milliseconds each tick was late since the last time, and begin anew."""
    connection = await load.connect(target.url)
    await connection.ask(load.request(target.url, b"", {}, "/probe"))
    connection.close()
    found: list[float] = json.loads(b"".join(chunk for _, chunk in connection.chunks))
    return found


def held(target: str, beside: str, what: str, waits: Sequence[float]) -> Row:
    found = {
        key: quantile(waits, share) for key, share in (("p50", 0.5), ("p99", 0.99), ("worst", 1.0))
    }
    return {"target": target, "what": what, "beside": beside, "n": len(waits), **found}


async def memory(run: Path, upstream: str, counts: Sequence[int]) -> list[Row]:
    """Return what is resident with that many vectors in the index, after a request that needs model and index."""
    rows: list[Row] = []
    for count in counts:
        folder = run / f"vectors{count}"
        targets.fill(folder / "foveate" / "data" / "chroma", count)
        target = targets.foveate(folder, upstream)
        try:
            await ready(target)
            idle = target.resident()
            body = bodies.history(100, 400, f"v{count}")
            headers = {**target.headers, "x-pruning-budget": "4000/2000"}
            await load.drive(target.url, load.request(target.url, body, headers), 1, 1, SECONDS)
            await settled(target)
            small = target.resident()
            wire = load.request(target.url, bodies.large(), {**target.headers, **PRUNING})
            await load.drive(target.url, wire, 20, 2, SECONDS)
            for n in range(8):
                wire = load.request(
                    target.url, bodies.history(200, 1980, f"m{n}"), {**target.headers, **PRUNING}
                )
                await load.drive(target.url, wire, 4, 2, SECONDS)
                await settled(target)
            rows.append({"vectors": count, "idle": idle, "used": small, "loaded": target.resident()})
        finally:
            target.stop()
    return rows


def median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else float("nan")
