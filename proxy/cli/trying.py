"""`foveate demo` and `explain`: what pruning does, without a server of one's own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from foveate.proxy.cli.options import ConfigOption, find
from foveate.proxy.config.loading import load_settings
from foveate.proxy.errors import ConfigError
from foveate.proxy.evaluation import once
from foveate.proxy.evaluation.table import verdicts_table
from foveate.proxy.formats import FORMATS, load_formats

commands = typer.Typer()


@commands.command()
def demo(
    budget: Annotated[int, typer.Option(help="Tokens of the whole prompt to prune to.", min=1)] = 3000,
) -> None:
    """Send a bundled conversation through the proxy, without a key, and show what is kept and dropped."""
    try:
        # Asks with openai, an extra
        from foveate.proxy.evaluation import demo as demonstration
    except ImportError as error:
        raise ConfigError(
            f"the demo needs {error.name}, which is not installed: pip install 'foveate[demo]'"
        ) from None
    with Console(stderr=True).status("serving, asking and pruning"):
        demonstration.run(budget, Console())


@commands.command()
def explain(
    request: Annotated[Path, typer.Argument(metavar="REQUEST.json", help="Body of a request.")],
    config_file: ConfigOption = None,
    policy: Annotated[str | None, typer.Option(help="Policy that decides.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Tokens of the whole prompt: 16000, 16000/8000, or economy.")
    ] = None,
    path: Annotated[str, typer.Option(help=f"Where it would be sent: {', '.join(FORMATS)}.")] = next(
        iter(FORMATS)
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with the text and the pruned messages.")
    ] = False,
) -> None:
    """Show what would be kept and dropped of a request, and why; nothing is sent or remembered."""
    settings = load_settings(
        find(config_file),
        {
            "index": {"type": "in_memory"},
            "state": {"type": "in_memory"},
            "recent": {"on_disk": False},
            "embedder": {"deadline": 3600},
        },
    )
    content = once.read_request(request)
    if path not in FORMATS:
        raise ConfigError(f"--path {path!r} is not one of {', '.join(FORMATS)}")
    wire = load_formats()[path]
    with Console(stderr=True).status("deciding"):
        found = asyncio.run(once.explain_once(settings, wire, content, policy, budget))
    if found["result"] == "failed":
        raise ConfigError(f"{request}: cannot be decided on: {found['failure_reason']}")
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    console = Console()
    console.print(verdicts_table(found, wire.items(content), console.width))
