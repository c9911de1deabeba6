"""One worker of several: a process that serves at the address of all of them."""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass

from foveate.proxy import process
from foveate.proxy.app import create_app, serving
from foveate.proxy.config.schema import Settings
from foveate.proxy.errors import ConfigError
from foveate.proxy.observers import logs
from foveate.proxy.running.listening import listen_beside
from foveate.proxy.running.server import Server
from foveate.proxy.running.watched import SAYS_WHERE
from foveate.proxy.team import Team
from foveate.proxy.team.pulse import Pulse
from foveate.proxy.watcher import Source

CANNOT = 2  # exit code of one that its settings keep from serving
# Run with -P: the working folder may hold modules of any name.
COMMAND = f"from {__name__} import work; work()"


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is told by whoever watches over it."""

    source: Source
    settings: Settings  # that serve where the file has become wrong meanwhile
    team: Team
    address: tuple[str, int]  # where all listen


def work() -> None:
    """Be a worker: read the job from standard input, and serve until that ends or a signal says so."""
    faulthandler.register(SAYS_WHERE, all_threads=True)
    job: Job = pickle.load(sys.stdin.buffer)
    settings, problem = current(job)
    logs.configure(settings.server)
    process.prepare()
    if problem:
        logs.complain(problem)
    threading.Thread(target=follow, daemon=True).start()
    try:
        application = create_app(settings, job.source, job.team)
    except ConfigError as error:
        Pulse().tell(str(error))
        raise SystemExit(CANNOT) from None
    listening = listen_beside(*job.address)
    Server(serving(application, timeout_keep_alive=75), application.state).run(sockets=[listening])


def current(job: Job) -> tuple[Settings, str]:
    """Return the settings to begin with: the file's, else those that the others began with, and why."""
    try:
        return job.source.load(), ""
    except ConfigError as error:
        return job.settings, str(error)


def follow() -> None:
    """End with whoever has begun this process."""
    # Not through sys.stdin, whose lock a thread must not hold when the interpreter ends
    with suppress(ConnectionError):  # how it ends where what this process has shown was not read
        while os.read(sys.stdin.fileno(), 1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
