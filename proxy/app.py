"""The ASGI application: our own pages by FastAPI, all other traffic by the handler."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy import routes, services
from proxy.config import Settings
from proxy.handler import Handler


class Traffic:
    """Sends everything outside /-/ to the handler, ahead of FastAPI's routing: it is the hot path."""

    def __init__(self, app: ASGIApp, handler: Handler) -> None:
        self._app = app
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        ours = scope["type"] == "lifespan" or scope["path"] == "/-" or scope["path"].startswith("/-/")
        await (self._app if ours else self._handler)(scope, receive, send)


def create_app(settings: Settings) -> FastAPI:
    """Return the application that `settings` describe; ConfigError where it cannot work."""
    parts = services.build(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts.start()
        yield
        await parts.aclose()

    app = FastAPI(title="foveate", lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.state.services = parts
    app.include_router(routes.router)
    app.add_middleware(Traffic, handler=parts.handler)
    return app
