"""The plainest relay in Python that streams: Starlette and aiohttp, nothing else. The goals are ratios to it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

KEPT = {"content-type", "authorization", "accept"}


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=600),
    ) as session:
        app.state.session = session
        yield


async def forward(request: Request) -> Response:
    content = await request.body()
    headers = {name: value for name, value in request.headers.items() if name in KEPT}
    url = os.environ["UPSTREAM"] + request.url.path
    answer = await request.app.state.session.request(
        request.method, url, data=content or None, headers=headers
    )
    kind = answer.headers.get("content-type", "")
    if not kind.startswith("text/event-stream"):
        return Response(await answer.read(), answer.status, media_type=kind)

    async def chunks() -> AsyncIterator[bytes]:
        try:
            async for chunk in answer.content.iter_any():
                yield chunk
        finally:
            answer.release()

    return StreamingResponse(chunks(), answer.status, media_type=kind)


app = Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])], lifespan=lifespan)
