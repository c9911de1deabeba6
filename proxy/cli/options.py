"""What several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file; config.yaml here, if there is one."),
]


def find(given: Path | None) -> Path | None:
    """Return the settings file to read: the given one, else config.yaml in the working folder, else
    none.
    """
    if given is not None:
        return given
    here = Path("config.yaml")
    return here if here.is_file() else None
