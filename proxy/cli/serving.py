"""`foveate serve`, and `foveate check`, which shows what it would serve with."""

from __future__ import annotations

import json
import os
import socket
from functools import partial
from pathlib import Path
from typing import IO, Annotated, Any
from urllib.parse import urlsplit

import typer

from foveate.proxy import process
from foveate.proxy.app import create_app, serving
from foveate.proxy.callers.admission import check_named
from foveate.proxy.cli.options import ConfigOption, find
from foveate.proxy.config.addresses import shown_address
from foveate.proxy.config.editors import settings_schema
from foveate.proxy.config.loading import dump_settings, is_loopback, load_settings
from foveate.proxy.config.policies import build_policies
from foveate.proxy.config.schema import Settings
from foveate.proxy.errors import ConfigError, nearest
from foveate.proxy.importer import import_class
from foveate.proxy.observers import logs
from foveate.proxy.pruning.states import STATES
from foveate.proxy.running.listening import listen, reserve
from foveate.proxy.running.server import Server
from foveate.proxy.running.workers import Workers, check_possible
from foveate.proxy.upstreams import build_upstream
from foveate.proxy.vectors.embedders import build_embedder
from foveate.proxy.vectors.indexes import INDEXES
from foveate.proxy.vectors.indexes.lock import held
from foveate.proxy.watcher import Source

EMBEDDED = ("chroma", "faiss", "qdrant")  # indexes that have files where no server is named
BUILT_IN = ("echo", "litellm")  # upstreams that are named, not addressed
commands = typer.Typer()


@commands.command()
def serve(
    config_file: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    upstream: Annotated[
        str | None, typer.Option(help="Base URL to forward to, or `echo`, or `litellm`.")
    ] = None,
    strict: Annotated[
        bool, typer.Option(help="With `echo`: refuse what providers refuse, to try an agent.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="Folder for decisions, vectors and outcomes.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that serve; 0 for one a core.")] = None,
) -> None:
    """Serve the proxy."""
    over: dict[str, Any] = {"server": {}, "upstream": {}}
    if host is not None:
        over["server"]["host"] = host
    if port is not None:
        over["server"]["port"] = port
    if upstream is not None:
        named = upstream in BUILT_IN
        if not named and "://" not in upstream:
            raise ConfigError(
                f"--upstream {upstream!r} is no address such as http://127.0.0.1:11434/v1, and neither "
                f"{' nor '.join(BUILT_IN)}{nearest(upstream, BUILT_IN)}"
            )
        over["upstream"] = {"type": upstream} if named else {"type": "http", "url": upstream}
    if strict:
        if upstream != "echo":
            raise ConfigError("--strict is the echo upstream's; say --upstream echo --strict")
        over["upstream"]["options"] = {"strict": True}
    if data is not None:
        over["data"] = str(data)
    if workers is not None:
        over["server"]["workers"] = workers
    source = Source(find(config_file), over)
    settings = source.load()
    logs.configure(settings.server)
    process.prepare()
    count = settings.server.workers or process.cores()
    check_possible(count)
    lock = held_folder(settings)  # until the process ends
    application = create_app(settings, source) if count == 1 else None
    take = listen if count == 1 else reserve
    listening = take(settings.server.host, settings.server.port)
    check_loop(settings, listening.getsockname()[1])
    tell = partial(tell_where, settings, listening)
    if application is None:
        Workers(source, settings, listening.getsockname()[:2], count).run(tell)
    else:
        tell()
        Server(serving(application, timeout_keep_alive=75), application.state).run(sockets=[listening])
    if lock is not None:
        lock.close()


def tell_where(settings: Settings, listening: socket.socket) -> None:
    """Print where it listens and where requests go."""
    address = f"http://{settings.server.host}:{listening.getsockname()[1]}"
    target = (
        shown_address(settings.upstream.url)
        if settings.upstream.type == "http"
        else f"the {settings.upstream.type} upstream"
    )
    advice = (
        f"point a client at it: export OPENAI_BASE_URL={address}/v1, or ANTHROPIC_BASE_URL={address}"
    )
    print(f"foveate listens on {address} and forwards to {target}; {advice}", flush=True)


@commands.command()
def check(
    config_file: Annotated[Path, typer.Argument(metavar="CONFIG", help="Settings file to check.")],
) -> None:
    """Check a settings file and print the settings that follow from it."""
    settings = load_settings(config_file)
    check_parts(settings)
    typer.echo(dump_settings(settings), nl=False)


@commands.command()
def schema() -> None:
    """Print the JSON schema of config.yaml, for editors."""
    typer.echo(json.dumps(settings_schema(), indent=1))


def check_parts(settings: Settings) -> None:
    """Raise ConfigError where the settings name a part that there is none of, or that cannot be built.

    Nothing is opened, and nothing asked for that the server's environment may bring: keys and tokens.
    """
    build_upstream(settings.upstream)
    build_embedder(settings.embedder)
    import_class("index.type", INDEXES, settings.index.type)
    import_class("state.type", STATES, settings.state.type)
    check_named(settings.callers.named, build_policies(settings))


def check_loop(settings: Settings, port: int) -> None:
    """Raise ConfigError where requests would be forwarded to the very address that it listens on."""
    if settings.upstream.type != "http":
        return
    url = urlsplit(settings.upstream.url)
    default = 443 if url.scheme == "https" else 80
    here = url.hostname == settings.server.host or is_loopback(url.hostname or "")
    if here and (url.port or default) == port:
        raise ConfigError(
            f"upstream.url {shown_address(settings.upstream.url)} is foveate's own address; "
            "name the server that it stands in front of, or another --port"
        )


def held_folder(settings: Settings) -> IO[str] | None:
    """Return the lock of the data folder, where anything is kept there; ConfigError where another foveate
    has it.
    """
    embedded = settings.index.type in EMBEDDED and not settings.index.url
    if not embedded and settings.state.type != "sqlite":
        return None
    try:
        return held(settings.data.expanduser(), os.getpid())
    except OSError:  # what cannot be written there is told by who needs it, and done without
        return None
