"""The ASGI application: our own pages by FastAPI, all other traffic by the handler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from foveate.proxy import process, services
from foveate.proxy.config.loading import trusted_proxies
from foveate.proxy.config.schema import Settings
from foveate.proxy.http.connections import Connection
from foveate.proxy.pages import joint, routes
from foveate.proxy.pages.guesses import Guesses
from foveate.proxy.pages.health import Reach
from foveate.proxy.team import Team
from foveate.proxy.team.pulse import Pulse
from foveate.proxy.team.snapshots import Snapshots
from foveate.proxy.watcher import Source, Watcher

TOLD = (
    "upgrade request",
    "WebSocket library",
    "timeout graceful shutdown exceeded",
    "Exceeded concurrency limit",
)


class Traffic:
    """Sends everything outside /-/ to the handler, ahead of FastAPI and its middleware: it is the hot
    path.
    """

    def __init__(self, pages: FastAPI) -> None:
        # So that a login behind a TLS proxy gets a secure cookie.
        self._pages = ProxyHeadersMiddleware(pages, trusted_proxies())  # type: ignore[arg-type]
        self.state: State = pages.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        # The pages are what begins and ends with the server
        path = "/-" if scope["type"] == "lifespan" else scope["path"]
        if path == "/-" or path.startswith("/-/"):
            await self._pages(scope, receive, send)  # type: ignore[arg-type]
        else:
            await self.state.services.handler(scope, receive, send)


async def _settled(built: services.Services) -> None:
    """Tidy up once all is loaded."""
    await built.parts.histories.opened()
    process.settle()


def create_app(settings: Settings, source: Source | None = None, team: Team | None = None) -> Traffic:
    """Return the application that `settings` describe, for one worker of a team where there is one;
    ConfigError where it cannot work.

    A change of `source`, the file that they come from, is followed while it runs.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services.start()
        await app.state.services.parts.peers.listen(partial(joint.answer, app.state))
        tasks = [asyncio.create_task(_settled(app.state.services))]
        if watcher:
            tasks.append(asyncio.create_task(watcher.run()))
        if app.state.snapshots:
            tasks.append(asyncio.create_task(app.state.snapshots.run()))
        async with Pulse().of_loop() if team else nullcontext():
            yield
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await app.state.services.aclose()

    pages = FastAPI(title="foveate", lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    pages.state.services = services.build(settings, team)
    pages.state.snapshots = Snapshots(team, partial(_counted, pages.state)) if team else None
    pages.state.leaving = False  # it has been told to end
    watcher = Watcher(pages.state, source) if source else None
    pages.state.reload = watcher.wake if watcher else lambda: None
    pages.state.guesses = Guesses()
    pages.state.reach = Reach()
    pages.include_router(routes.router)
    return Traffic(pages)


def _counted(state: State) -> str:
    """Return what this process has counted, in Prometheus's text format."""
    return joint.counted(state.services)


def is_news(record: logging.LogRecord) -> bool:
    """Say whether uvicorn speaks of anything but websockets, which the handler refuses, and what is cut
    off at the end, which the server itself tells.
    """
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        return False
    return not any(word in record.getMessage() for word in TOLD)


def serving(application: ASGIApp, **options: Any) -> uvicorn.Config:
    """Return how uvicorn serves the application; `options` are uvicorn's own."""
    logging.getLogger("uvicorn.error").addFilter(is_news)
    return uvicorn.Config(
        application,
        http=Connection,
        limit_concurrency=process.most_connections(),
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        ws="none",
        **options,
    )
