"""`foveate eval` and `foveate fit`: what policies keep of conversations, and weights that keep more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from foveate.proxy.cli.options import ConfigOption, find
from foveate.proxy.config.loading import load_settings
from foveate.proxy.config.schema import Settings
from foveate.proxy.errors import ConfigError
from foveate.proxy.evaluation.evidence import Case, load_cases

commands = typer.Typer()
# What measures and fits is imported by its command: the others begin 45 ms earlier without it.
DataArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="DATA",
        help="A file of requests, JSON or a line each; or a folder with cases.jsonl and conversations/.",
    ),
]
KeptOption = Annotated[
    bool, typer.Option("--kept", help="The requests that a server has kept in the data folder.")
]


@commands.command("eval")
def evaluate(
    data: DataArgument = None,
    kept: KeptOption = False,
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
    """Measure how much of the evidence survives: what a folder says it is, else the values that each answer
    took from what stood before.
    """
    from foveate.proxy.evaluation import evaluate as evaluation

    settings = load_settings(find(config_file))
    cases = _cases(settings, data, kept, source or (), limit)
    policies = tuple(policy or [settings.policy])
    wanted = evaluation.Measurement(cases, policies, tuple(sorted(budget or ())), baselines, ablate)
    evaluation.run_evaluation(settings, wanted, Console(), as_json, plot)


@commands.command()
def fit(
    data: DataArgument = None,
    kept: KeptOption = False,
    config_file: ConfigOption = None,
    policy: Annotated[str, typer.Option(help="Policy to start from; the configured one.")] = "",
    budget: Annotated[
        list[float] | None, typer.Option(help="Shares of the history: 0.25 and 0.5.")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many cases a source.", min=0)] = 60,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the policy here.")
    ] = None,
) -> None:
    """Fit a policy's weights, and say what they are worth on conversations that were left out of it."""
    from foveate.proxy.evaluation import fitting

    settings = load_settings(find(config_file))
    wanted = fitting.Fit(policy or settings.policy, tuple(sorted(budget or (0.25, 0.5))), output)
    fitting.run_fit(settings, _cases(settings, data, kept, (), limit), wanted, Console())


def _cases(
    settings: Settings, data: Path | None, kept: bool, sources: list[str] | tuple[()], limit: int
) -> list[Case]:
    """Return the cases of a folder, of a file of requests, or of what a server keeps; ConfigError without
    any.
    """
    from foveate.proxy.evaluation.own import kept_cases, own_cases

    if kept == (data is not None):
        raise ConfigError(
            "name a file or folder of conversations, or say --kept for those that a server keeps"
        )
    if data is None:
        return kept_cases(settings.data.expanduser(), limit)
    return own_cases(data, limit) if data.is_file() else load_cases(data, sources, limit)
