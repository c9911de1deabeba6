"""`foveate demo`, `explain` and `eval`: what pruning does, without a server of one's own."""

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
from foveate.proxy.evaluation.table import verdicts_table
from foveate.proxy.formats import FORMATS, load_formats

commands = typer.Typer()


@commands.command()
def demo(
    budget: Annotated[int, typer.Option(help="Tokens of the whole prompt to prune to.", min=1)] = 3000,
) -> None:
    """Send a bundled conversation through the proxy, without a key, and show what is kept and dropped."""
    try:
        from foveate.proxy.evaluation import demo as demonstration
    except ImportError as error:
        raise ConfigError(
            f"the demo needs {error.name}, which is not installed: pip install 'foveate[demo]'"
        ) from None
    demonstration.run(budget, Console())


@commands.command()
def explain(
    request: Annotated[Path, typer.Argument(metavar="REQUEST.json", help="Body of a request.")],
    config_file: ConfigOption = None,
    policy: Annotated[str | None, typer.Option(help="Policy that decides.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Tokens of the whole prompt: 16000, or 16000/8000.")
    ] = None,
    path: Annotated[str, typer.Option(help=f"Where it would be sent: {', '.join(FORMATS)}.")] = next(
        iter(FORMATS)
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with the text and the pruned messages.")
    ] = False,
) -> None:
    """Show what would be kept and dropped of a request, and why; nothing is sent or remembered."""
    from foveate.proxy.evaluation import once

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
    found = asyncio.run(once.explain_once(settings, wire, content, policy, budget))
    if found["result"] == "failed":
        raise ConfigError(f"{request}: cannot be decided on: {found['failure_reason']}")
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    console = Console()
    console.print(verdicts_table(found, wire.items(content), console.width))


@commands.command("eval")
def evaluate(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Folder with cases.jsonl and conversations/.")
    ],
    config_file: ConfigOption = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="Policies to measure; the configured one.")
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only these sources of the data.")] = None,
    budget: Annotated[
        list[float] | None, typer.Option(help="Shares of the history: 0.1, 0.25 and 0.5.")
    ] = None,
    limit: Annotated[
        int, typer.Option(help="At most so many cases a source, evenly spaced.", min=0)
    ] = 0,
    baselines: Annotated[bool, typer.Option(help="Measure the alternatives beside it.")] = True,
    ablate: Annotated[
        bool, typer.Option(help="Measure the policy with one part changed at a time.")
    ] = False,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write the summary and every case here.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write a PNG of recall against budget here.")
    ] = None,
) -> None:
    """Measure how much of the evidence survives, on conversations that say where it is."""
    from foveate.proxy.evaluation import evaluate as evaluation

    settings = load_settings(find(config_file))
    wanted = evaluation.Measurement(
        data, tuple(policy or [settings.policy]), tuple(source or ()), tuple(sorted(budget or ())), limit, baselines,
        ablate,
    )  # fmt: skip
    evaluation.run_evaluation(settings, wanted, Console(), as_json, plot)
