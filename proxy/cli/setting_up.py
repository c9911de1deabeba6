"""`foveate init` and `foveate doctor`: a first settings file, and whether all that it names is there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from foveate.proxy.cli.options import ConfigOption, find
from foveate.proxy.config.loading import load_settings
from foveate.proxy.errors import ConfigError
from foveate.proxy.setup import checks
from foveate.proxy.setup.first import KINDS, first_settings

commands = typer.Typer()
SIGNS = {"well": "[green]✓[/]", "look": "[yellow]![/]", "wrong": "[red]✗[/]"}


@commands.command()
def init(
    upstream: Annotated[
        str, typer.Option(help=f"Where requests go: an address, or one of {', '.join(KINDS)}.")
    ] = "openai",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8787,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path(
        "config.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a commented settings file for an upstream."""
    text, client = first_settings(upstream, port)
    if output.exists() and not force:
        raise ConfigError(f"{output} is there already; name another with --output, or say --force")
    try:
        output.write_text(text)
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written: {error.strerror}") from None
    option = "" if output == Path("config.yaml") else f" --config {output}"
    typer.echo(f"wrote {output}. Next:\n  foveate doctor{option}\n  foveate serve{option}\n  {client}")


@commands.command()
def doctor(
    config_file: ConfigOption = None,
    model: Annotated[str, typer.Option(help="A model that you use.")] = "",
    key: Annotated[
        str,
        typer.Option(
            help="A key for the upstream.",
            envvar=["OPENAI_API_KEY", "ANTHROPIC_API_KEY"],
            show_envvar=True,
        ),
    ] = "",
) -> None:
    """Look at port, upstream, key, window, index, embedder and state, and decide one request."""
    path = find(config_file)
    settings = load_settings(path)
    patient = checks.Patient(settings, str(path or "the defaults: no config.yaml here"), key, model)
    raise SystemExit(asyncio.run(_examined(patient)))


async def _examined(patient: checks.Patient) -> int:
    """Print what is found as it is found, and return the exit code: 1 where something is wrong."""
    console, wrong = Console(), 0
    with console.status("looking"):
        async for found in checks.findings(patient):
            wrong += found.state == "wrong"
            console.print(f"{SIGNS[found.state]} {found.part:<9} ", end="")
            console.print(found.said, markup=False, highlight=False, soft_wrap=True)
            if found.remedy:
                said = f"            → {found.remedy}"
                console.print(said, markup=False, highlight=False, style="dim", soft_wrap=True)
    return 1 if wrong else 0
