"""A guided run on the echo upstream: a real conversation goes in, a table of what was kept comes out."""

from __future__ import annotations

import json
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import openai
import uvicorn
from rich.console import Console
from rich.table import Table

from proxy import config
from proxy.app import create_app

SHOWN = ("x-pruning-result", "x-pruning-policy", "x-pruning-tokens-before", "x-pruning-tokens-after",
         "x-pruning-segments", "x-pruning-id", "server-timing")  # fmt: skip


def run(budget: int, console: Console) -> None:
    """Start a proxy on a free port of this machine, send the conversation through it and print what happened."""
    messages = json.loads(files("proxy.demo").joinpath("conversation.json").read_text())["messages"]
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="demo", max_retries=0)
        answer = client.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=messages, extra_headers={"X-Pruning-Budget": str(budget)}
        )
        with urllib.request.urlopen(f"{address}/-/outcomes/{answer.headers['x-pruning-id']}") as found:
            outcome = json.load(found)
    console.print(verdicts(outcome, messages, console.width))
    for name in SHOWN:
        console.print(f"[dim]{name}:[/] {answer.headers.get(name, '')}", highlight=False)
    console.print(f"\n[bold]The upstream says:[/] {answer.parse().choices[0].message.content}", highlight=False)


def verdicts(outcome: dict[str, Any], messages: Sequence[dict[str, Any]], width: int) -> Table:
    """Return a row a segment: its fate, its score, what each signal added to it, and how it begins.

    Below 120 columns of `width` the signals and reasons are left out.
    """
    signals = list(outcome["verdicts"][0]["shares"]) if width >= 120 else []
    title = f"policy {outcome['policy']}, {outcome['tokens']['before']:,} tokens, budget {outcome['budget']['low']:,}"
    table = Table(title=title, title_justify="left")
    table.add_column("fate", min_width=7)
    for name in ("tokens", "score", *signals):
        table.add_column(name, justify="right", min_width=max(5, len(name)))
    if signals:
        table.add_column("reason")
    table.add_column("segment", overflow="ellipsis", no_wrap=True, max_width=60 if signals else width - 32)
    for verdict in outcome["verdicts"]:
        row = [verdict["fate"], str(verdict["tokens"]), f"{verdict['score']:+.2f}"]
        if signals:
            row += [f"{verdict['shares'][name]:+.2f}" for name in signals] + [verdict["reason"]]
        begins = " + ".join(describe(messages[i]) for i in verdict["messages"])
        table.add_row(*row, begins, style="green" if verdict["fate"] == "kept" else "dim")
    return table


def describe(message: dict[str, Any]) -> str:
    """Return a message's role and the beginning of what it says."""
    calls = ", ".join(call["function"]["name"] for call in message.get("tool_calls") or [])
    said = " ".join(str(message.get("content") or f"calls {calls}").split())
    return f"{message['role']}: {said if len(said) <= 40 else said[:39] + '…'}"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve on a free loopback port with the echo upstream; yields the address."""
    settings = config.load(None, {"upstream": {"type": "echo"}, "data": str(folder), "server": {"port": 0}})
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
