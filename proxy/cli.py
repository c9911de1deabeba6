"""The command `foveate`."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from rich.console import Console

from foveate.proxy import process
from foveate.proxy.app import create_app, serving
from foveate.proxy.config.addresses import shown_address
from foveate.proxy.config.loading import dump_settings, load_settings
from foveate.proxy.errors import ConfigError
from foveate.proxy.evaluation.table import verdicts_table
from foveate.proxy.formats import FORMATS, load_formats
from foveate.proxy.observers import logs
from foveate.proxy.watcher import Source

DRAIN = 30  # seconds that requests under way have to end once it is told to

app = typer.Typer(
    help="Prune long chat histories on their way to an OpenAI-compatible API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file; config.yaml here, if there is one."),
]


@app.command()
def serve(
    config_file: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    upstream: Annotated[
        str | None, typer.Option(help="Base URL to forward to, or `echo`, or `litellm`.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for the index.")] = None,
) -> None:
    """Serve the proxy."""
    over: dict[str, Any] = {"server": {}, "upstream": {}}
    if host is not None:
        over["server"]["host"] = host
    if port is not None:
        over["server"]["port"] = port
    if upstream is not None:
        named = upstream in ("echo", "litellm")
        over["upstream"] = {"type": upstream} if named else {"type": "http", "url": upstream}
    if data is not None:
        over["data"] = str(data)
    source = Source(find(config_file), over)
    settings = source.load()
    logs.configure(settings.server)
    process.prepare()
    application = create_app(settings, source)
    listening = listen(settings.server.host, settings.server.port)
    address = f"http://{settings.server.host}:{listening.getsockname()[1]}"
    target = (
        shown_address(settings.upstream.url)
        if settings.upstream.type == "http"
        else f"the {settings.upstream.type} upstream"
    )
    advice = f"point a client at it: export OPENAI_BASE_URL={address}/v1"
    print(f"foveate listens on {address} and forwards to {target}; {advice}", flush=True)
    if hasattr(
        signal, "SIGHUP"
    ):  # a terminal that closes ends it like any other request to: streams go on to their end
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    uvicorn.Server(serving(application, timeout_keep_alive=75, timeout_graceful_shutdown=DRAIN)).run(
        sockets=[listening]
    )


@app.command()
def check(
    config_file: Annotated[Path, typer.Argument(metavar="CONFIG", help="Settings file to check.")],
) -> None:
    """Check a settings file and print the settings that follow from it."""
    settings = load_settings(config_file)
    typer.echo(dump_settings(settings), nl=False)


@app.command()
def demo(
    budget: Annotated[int, typer.Option(help="Tokens of the whole prompt to prune to.", min=1)] = 3000,
) -> None:
    """Send a bundled conversation through the proxy, without a key, and show what is kept and dropped."""
    from foveate.proxy.evaluation import demo as demonstration

    demonstration.run(budget, Console())


@app.command()
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
            "embedder": {"deadline": 3600},
        },
    )
    content = once.read_request(request)
    if path not in FORMATS:
        raise ConfigError(f"--path {path!r} is not one of {', '.join(FORMATS)}")
    wire = load_formats()[path]
    found = asyncio.run(once.explain_once(settings, wire, content, policy, budget))
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    console = Console()
    console.print(verdicts_table(found, wire.items(content), console.width))


@app.command("eval")
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


def find(given: Path | None) -> Path | None:
    """Return the settings file to read: the given one, else config.yaml in the working folder, else
    none.
    """
    if given is not None:
        return given
    here = Path("config.yaml")
    return here if here.is_file() else None


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to that address; ConfigError where that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {host}:{port} ({error.strerror or error}); choose another --host or --port"
        ) from None
    listening.setblocking(False)
    return listening


def main() -> None:
    """Run the command; a wrong setting ends it with one line and exit code 2."""
    try:
        app()
    except ConfigError as error:
        typer.echo(f"foveate: {error}", err=True)
        raise SystemExit(2) from None
