"""The command `foveate`."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from foveate.proxy.cli import callers, measuring, serving, setting_up, trying, watching
from foveate.proxy.errors import ConfigError

app = typer.Typer(
    help="Prune long chat histories on their way to an OpenAI-compatible API.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for each in (setting_up, serving, watching, callers, trying, measuring):
    app.add_typer(each.commands)


def tell_version(wanted: bool) -> None:
    """Print the version and end, where that is wanted."""
    if wanted:
        typer.echo(f"foveate {metadata.version('foveate')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=tell_version, is_eager=True),
    ] = False,
) -> None:
    """Prune long chat histories on their way to an OpenAI-compatible API."""


def main() -> None:
    """Run the command; a wrong setting ends it with one line and exit code 2."""
    try:
        app()
    except ConfigError as error:
        typer.echo(f"foveate: {error}", err=True)
        raise SystemExit(2) from None
