"""`foveate key`: keys for the callers that the settings name."""

from __future__ import annotations

from typing import Annotated

import typer

from foveate.proxy.callers.keys import hash_of, make_key

commands = typer.Typer()


@commands.command()
def key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the caller is called.")],
    own: Annotated[
        bool, typer.Option("--own", help="Read a key of your own from standard input.")
    ] = False,
) -> None:
    """Make a caller's key, and print the settings that let it in."""
    made = "" if own else make_key()
    if made:
        typer.echo(f"the key, shown this once: {made}", err=True)
    found = hash_of(made or typer.get_text_stream("stdin").readline().strip())
    typer.echo(f'callers:\n  named:\n    "{name}": {{keys: ["{found}"]}}')
