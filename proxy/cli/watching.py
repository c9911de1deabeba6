"""`foveate tail` and `foveate stats`: a running server's requests and totals, in the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from foveate.proxy.cli.options import ConfigOption, find
from foveate.proxy.config.loading import load_settings
from foveate.proxy.setup.running import Running, running_of
from foveate.proxy.setup.shown import line_of, totals_table

commands = typer.Typer()
UrlOption = Annotated[str | None, typer.Option(help="Address of the server; that of the settings.")]
TokenOption = Annotated[str | None, typer.Option(help="Its admin token; that of the settings.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.command()
def tail(
    config_file: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
    latest: Annotated[int, typer.Option("--latest", "-n", help="Begin with so many.", min=0)] = 10,
    follow: Annotated[bool, typer.Option(help="Go on as requests come.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Print a running server's requests as they come."""
    server = _server(config_file, url, token)
    console = Console()
    found = (
        server.outcomes(latest) if follow else server.get("outcomes", limit=max(1, latest))["outcomes"]
    )
    try:
        for outcome in found:
            if as_json:
                typer.echo(json.dumps(outcome, ensure_ascii=False))
            else:
                console.print(line_of(outcome), soft_wrap=True)
    except KeyboardInterrupt:
        raise SystemExit(0) from None


@commands.command()
def stats(
    config_file: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a running server's totals."""
    server = _server(config_file, url, token)
    totals = server.get("totals")
    if as_json:
        typer.echo(json.dumps(totals))
        return
    Console().print(totals_table(totals, server.get("status")))


def _server(config_file: Path | None, url: str | None, token: str | None) -> Running:
    return running_of(load_settings(find(config_file)), url, token)
