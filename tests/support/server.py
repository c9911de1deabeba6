"""foveate on a real uvicorn server, in a thread of the test process."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from types import TracebackType
from typing import Any

import uvicorn
from fastapi import FastAPI

from foveate.proxy import services
from foveate.proxy.app import create_app, serving
from foveate.proxy.config import schema as config
from foveate.proxy.services import Services
from foveate.proxy.vectors import Bounds
from foveate.proxy.vectors.embedders import Embedder
from foveate.proxy.vectors.histories import Histories
from foveate.proxy.vectors.indexes import VectorIndex
from support.upstream import WAIT


class Live:
    """A served application; its parts can be read while it runs."""

    def __init__(self, app: FastAPI) -> None:
        self.services: Services = app.state.services
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(128)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._server = uvicorn.Server(serving(app, timeout_graceful_shutdown=2))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listening]}, daemon=True
        )

    def __enter__(self) -> Live:
        self._thread.start()
        until = time.monotonic() + WAIT
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            assert time.monotonic() < until, "the server took too long to start"
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(WAIT)
        self._listening.close()

    @property
    def failures(self) -> dict[str, int]:
        """How often pruning failed, by stage."""
        return self.services.pruner.failures


def serve(settings: config.Settings) -> Live:
    """Serve what the settings describe, as `foveate serve` does."""
    return Live(create_app(settings))


def serve_with(settings: config.Settings, embedder: Embedder, index: VectorIndex) -> Live:
    """Serve with an embedder and an index of the test's own."""
    return Live(application(assemble(settings, embedder, index)))


def application(parts: Services) -> FastAPI:
    """Return the application around services that are built already."""
    app = create_app(parts.settings)
    app.state.services = parts
    return app


def assemble(settings: config.Settings, embedder: Embedder, index: VectorIndex) -> Services:
    """Return the services of `settings` with another embedder and index put in at their seams."""
    built = services.build(settings)
    bounds = Bounds(deadline=settings.embedder.deadline)
    histories = Histories(embedder, index, built.parts.cache, built.parts.worker, bounds)
    return services.assemble(settings, replace(built.parts, histories=histories))


def settings_for(upstream_url: str, **given: Any) -> config.Settings:
    """Return settings that forward to a test's upstream, with other blocks as given.

    The windows of the models that tests name are known, so that the upstream is not asked for its list; and cold
    histories are embedded to their end, so that nothing depends on how busy the machine is.
    """
    given.setdefault("window", {"models": {"gpt-4o": 128_000, "": 128_000}})
    given.setdefault("embedder", {"deadline": 60})
    given.setdefault("state", {"type": "in_memory"})
    given["recent"] = {"on_disk": False, **given.get("recent", {})}
    upstream = {
        "url": f"{upstream_url}/v1",
        "connect_timeout": 5,
        "read_timeout": 20,
        **given.pop("upstream", {}),
    }
    return config.Settings(**{"index": {"type": "in_memory"}, "upstream": upstream, **given})
