"""One command: `python -m benchmarks.cost [--data ../shared/eval] [--source locomo] [--limit N] [--high H --low L]`.

With `--wire` the same conversations on each of those APIs, less the names of their authors. Without --data it replays
the conversations in tests/data, which have no questions: there is no evidence to keep then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.cost import talks
from benchmarks.cost.replay import READS, WRITES, Capture, Replay, Totals, cost
from benchmarks.retention.wires import WIRES, nameless

# What differs between the rows: request headers. Rows of one key share what is known of the texts.
ROWS = {
    "no pruning": {"X-Pruning": "off", "Authorization": "Bearer one"},
    "foveate": {"Authorization": "Bearer one"},
    "without recall": {"X-Pruning-Policy": "without-recall", "Authorization": "Bearer two"},
    "afresh each request": {"X-Pruning-Sticky": "off", "Authorization": "Bearer one"},
}
SHOWN = (0.1, 0.25, 0.5, 1.0)  # what a cached token costs, where writing one costs nothing more
COLUMNS = (
    "requests",
    "prompt",
    "cuts",
    "breaks",
    *(f"cost at {read:.0%}" for read in SHOWN),
    "questions",
    "evidence",
    "recalled",
)


def serve(folder: Path, upstream: int) -> subprocess.Popen[str]:
    """Start the proxy as a user would; its first line says where it listens."""
    settings = {
        "server": {"port": 0, "log_level": "warning"}, "data": str(folder / "data"),
        "upstream": {"url": f"http://127.0.0.1:{upstream}/v1"}, "window": {"models": {"gpt-4o": 128000}},
        "policies": {"without-recall": {"preset": "balanced", "recall": {"enabled": False}}},
    }  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(settings))
    command = [
        sys.executable,
        "-c",
        "from foveate.proxy.cli import main; main()",
        "serve",
        "--config",
        str(folder / "config.yaml"),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, bufsize=1)


def address(server: subprocess.Popen[str]) -> str:
    """Return the address in the server's first line."""
    assert server.stdout
    for line in server.stdout:
        found = [word.rstrip(".,;") for word in line.split() if word.startswith("http://127.0.0.1:")]
        if found:
            return found[0].removesuffix("/v1")
    raise SystemExit("foveate did not start")


async def measure(given: argparse.Namespace, folder: Path) -> dict[str, Totals]:
    """Replay every conversation in every row."""
    capture = Capture()
    await capture.start()
    server = serve(folder, capture.port)
    try:
        url = await asyncio.to_thread(address, server)
        budget = {"X-Pruning-Budget": f"{given.high}/{given.low}"}
        rows = replays(url, capture, given.wire, budget)
        questions = talks.cases(given.data)
        async with aiohttp.ClientSession() as session:
            for name, messages in talks.conversations(given.data, given.source, given.limit):
                mine = [c for c in questions if c.conversation == name]
                script, requests = talks.held(messages, mine, given.ask_every)
                script = nameless(script) if given.wire else script
                start = time.monotonic()
                for replay in rows.values():
                    await replay.run(session, script, requests)
                print(
                    f"{name}: {len(requests)} requests a row, {time.monotonic() - start:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
        return {name: replay.totals for name, replay in rows.items()}
    finally:
        server.terminate()
        server.wait()
        await capture.stop()


def replays(url: str, capture: Capture, wires: list[str], budget: dict[str, str]) -> dict[str, Replay]:
    """Return what sends the conversations for each row: those of the table, or one an API."""
    if not wires:
        return {name: Replay(url, capture, {**headers, **budget}) for name, headers in ROWS.items()}
    rows = {"no pruning": Replay(url, capture, {**ROWS["no pruning"], **budget})}
    for name in wires:
        rows[f"foveate, {name}"] = Replay(url, capture, {**ROWS["foveate"], **budget}, WIRES[name])
    return rows


def line(totals: Totals, base: Totals) -> dict[str, Any]:
    """Return a row's figures; costs are relative to no pruning, tokens are means a request."""
    n = max(1, totals.requests)
    costs = (relative(totals, base, read, 1.0)[0] for read in SHOWN)
    kept = sum(totals.evidence) / len(totals.evidence) if totals.evidence else None
    figures = (
        totals.requests,
        totals.tokens // n,
        totals.cuts,
        totals.breaks,
        *costs,
        len(totals.evidence),
        kept,
        totals.excerpts / n,
    )
    return dict(zip(COLUMNS, figures, strict=True))


def relative(totals: Totals, base: Totals, read: float, write: float) -> tuple[float, float]:
    """Return the cost beside no pruning's: of all conversations together, and of the worst one."""
    whole = cost(totals.tokens, totals.cached, read, write) / cost(
        base.tokens, base.cached, read, write
    )
    each = zip(totals.talks, base.talks, strict=True)
    return whole, max(cost(*mine, read, write) / cost(*plain, read, write) for mine, plain in each)


def grid(rows: dict[str, Totals]) -> list[str]:
    """Return the cost of each row at each price of reading and writing the cache, with the worst conversation's."""
    base = rows["no pruning"]
    lines = []
    for name, totals in rows.items():
        for write in WRITES:
            cells = [relative(totals, base, read, write) for read in READS]
            shown_cells = "".join(f"{mean:>9.2f} /{worst:>5.2f}" for mean, worst in cells)
            lines.append(f"{name:20} write {write:<5}{shown_cells}")
    return [f"{'cost: all / worst':31}" + "".join(f"{f'read {read}':>16}" for read in READS), *lines]


def shown(value: Any) -> str:
    """Return a figure as it is printed."""
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else f"{value:,}"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.cost", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, help="folder with conversations/ and cases.jsonl; tests/data without it"
    )
    parser.add_argument("--source", nargs="*", default=[], help="only these sources")
    parser.add_argument("--limit", type=int, help="conversations a source")
    parser.add_argument("--high", type=int, help="8000, or 2000 for tests/data")
    parser.add_argument("--low", type=int, help="half of high")
    parser.add_argument("--ask-every", type=int, default=12, help="messages between two questions")
    parser.add_argument("--wire", nargs="*", default=[], choices=list(WIRES))
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    given.high = given.high or (8000 if given.data else 2000)
    given.low = given.low or given.high // 2
    with tempfile.TemporaryDirectory() as folder:
        totals = asyncio.run(measure(given, Path(folder)))
    rows = {name: line(found, totals["no pruning"]) for name, found in totals.items()}
    print(f"{'':20}" + "".join(f"{c:>14}" for c in COLUMNS))
    for name, row in rows.items():
        print(f"{name:20}" + "".join(f"{shown(row[c]):>14}" for c in COLUMNS))
    print()
    print("\n".join(grid(totals)))
    if given.json:
        given.json.write_text(
            json.dumps({"high": given.high, "low": given.low, "rows": rows}, indent=1)
        )


if __name__ == "__main__":
    main()
