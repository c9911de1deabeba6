"""A run on the echo upstream: a real conversation goes in, a table of what was kept comes out."""

from __future__ import annotations

import json
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import openai
import uvicorn
from rich.console import Console

from foveate.proxy.app import create_app
from foveate.proxy.config.loading import load_settings
from foveate.proxy.evaluation.table import verdicts_table

SHOWN = ("x-pruning-result", "x-pruning-policy", "x-pruning-tokens-before", "x-pruning-tokens-after",
         "x-pruning-segments", "x-pruning-id", "server-timing")  # fmt: skip


def run(budget: int, console: Console) -> None:
    """Start a proxy on a free port of this machine, send the conversation through it and print what
    happened.
    """
    messages = json.loads(
        files("foveate.proxy.evaluation.demo").joinpath("conversation.json").read_text()
    )["messages"]
    with tempfile.TemporaryDirectory() as folder, _serving(Path(folder)) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="demo", max_retries=0)
        answer = client.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=messages, extra_headers={"X-Pruning-Budget": str(budget)}
        )
        with urllib.request.urlopen(f"{address}/-/outcomes/{answer.headers['x-pruning-id']}") as found:
            outcome = json.load(found)
    console.print(verdicts_table(outcome, messages, console.width))
    for name in SHOWN:
        console.print(f"[dim]{name}:[/] {answer.headers.get(name, '')}", highlight=False)
    console.print(
        f"\n[bold]The upstream says:[/] {answer.parse().choices[0].message.content}", highlight=False
    )


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """Serve on a free loopback port with the echo upstream; yields the address."""
    here = {"host": "127.0.0.1", "port": 0}
    settings = load_settings(None, {"upstream": {"type": "echo"}, "data": str(folder), "server": here})
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
