"""One command, a table of docs/results.md: `python -m benchmarks.retention [--data FOLDER] [--limit N] [--wire ...]`.

Starts foveate between a client and an upstream that captures what it gets, sends every labelled case at every budget
twice, cold and warm, and sets the alternatives beside it, measured in this process on the same cases.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from rich.console import Console
from rich.progress import Progress

from benchmarks.retention.vectors import Stored
from benchmarks.retention.wires import WIRES, Wire, nameless
from foveate.proxy.evaluation.evaluate import (
    BUDGETS,
    WIDTH,
    CaseReader,
    contestants,
    measure,
)
from foveate.proxy.evaluation.evidence import Case, Judged, Message, Ruler, judge_case, load_cases
from foveate.proxy.evaluation.summary import plot, recall_table, summary
from foveate.proxy.vectors.embedders.onnx import Onnx

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT.parent / "shared" / "eval", ROOT / "tests" / "data")
DATA = next(folder for folder in FOLDERS if (folder / "cases.jsonl").is_file())


@dataclass
class Upstream:
    """Answers every request at once and keeps what it got."""

    received: dict[str, Any] = field(default_factory=dict)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve on a free loopback port; yield the base URL."""
        app = web.Application(client_max_size=256 * 1024 * 1024)
        for wire in WIRES.values():
            app.router.add_post(f"/v1{wire.path}", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.received = orjson.loads(await request.read())
        wire = next(wire for wire in WIRES.values() if request.path.endswith(wire.path))
        return web.json_response(wire.answer)


@asynccontextmanager
async def foveate(upstream: str, data: str) -> AsyncIterator[str]:
    """Run `foveate serve` with its defaults in front of `upstream`; yield its base URL."""
    command = (
        "-c",
        "from foveate.proxy.cli import main; main()",
        "serve",
        "--port",
        "0",
        "--upstream",
        upstream,
    )
    pipe, null, path = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL, {"PYTHONPATH": str(ROOT)}
    server = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--data", data, cwd=data, env=path, stdout=pipe, stderr=null
    )
    assert server.stdout
    try:
        said = (await asyncio.wait_for(server.stdout.readline(), 60)).decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found, f"foveate did not start: {said}"
        yield f"{found[0]}/v1"
    finally:
        server.terminate()
        await server.wait()


async def drive(
    cases: Sequence[Case], budgets: Sequence[float], wires: Sequence[str], progress: Progress
) -> list[Judged]:
    """Send every case at every budget on every wire in every pass; return what became of each."""
    ruler, upstream, rows = Ruler(), Upstream(), []
    for name in wires:
        with tempfile.TemporaryDirectory() as data:
            async with (
                upstream.serve() as url,
                foveate(url, data) as proxy,
                aiohttp.ClientSession() as client,
            ):
                for heat in ("cold", "warm"):
                    told = f"foveate, {heat}" if name == "chat" else f"foveate, {heat}, {name}"
                    task = progress.add_task(told, total=len(cases))
                    for case in cases:
                        sizes = ruler.sizes(case)
                        for share in budgets:
                            budget = sizes.budget(share)
                            asked = Asked(WIRES[name], case, budget)
                            sent = await ask(client, proxy, upstream, asked)
                            rows.append(judge_case(told, case, sizes, share, sent, ruler.size))
                        progress.advance(task)
    return rows


@dataclass(frozen=True)
class Asked:
    """A case as it is sent."""

    wire: Wire
    case: Case
    budget: int  # tokens


async def ask(
    client: aiohttp.ClientSession, proxy: str, upstream: Upstream, asked: Asked
) -> Sequence[Message]:
    """Return what reached the upstream of one case."""
    upstream.received = {}
    headers = {
        "X-Pruning-Budget": str(asked.budget),
        "X-Pruning-Sticky": "off",
        "Content-Type": "application/json",
    }
    body = orjson.dumps(asked.wire.body(asked.case.messages))
    async with client.post(proxy + asked.wire.path, data=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
    return asked.wire.messages(upstream.received, asked.case.messages)


def main() -> None:
    """Measure, print, and write what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--source", nargs="*", default=[])
    parser.add_argument("--budget", nargs="*", type=float, default=list(BUDGETS))
    parser.add_argument(
        "--limit", type=int, default=0, help="at most so many cases a source, evenly spaced"
    )
    parser.add_argument(
        "--vectors", type=Path, default=Path("~/.cache/foveate/vectors.npz"), help="for the baselines"
    )
    parser.add_argument("--wire", nargs="*", default=["chat"], choices=list(WIRES))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    cases = load_cases(given.data, given.source, given.limit)
    if given.wire != ["chat"]:  # the same is said on each
        cases = [replace(case, messages=nameless(case.messages)) for case in cases]
    embedder = Stored(Onnx(), given.vectors.expanduser())
    start = time.monotonic()
    console = Console()
    with CaseReader(embedder) as reader, Progress(console=console, transient=True) as progress:
        rows: list[Judged] = asyncio.run(drive(cases, given.budget, given.wire, progress))
        rows += measure(cases, reader, contestants({}), given.budget, progress)
    embedder.save()
    means: list[dict[str, Any]] = sorted(summary(rows), key=lambda row: row["source"])
    console.width = max(console.width, WIDTH)
    console.print(recall_table(means, given.budget))
    print(f"{len(cases)} cases of {given.data}, {time.monotonic() - start:.0f} s")
    if given.json:
        given.json.write_bytes(
            orjson.dumps({"summary": means, "cases": rows}, option=orjson.OPT_INDENT_2)
        )
    if given.plot:
        plot(means, given.plot)


if __name__ == "__main__":
    main()
