"""foveate with a probe in its event loop: `GET /probe` tells how late a timer of 2 ms has fired since the last time.

python -m benchmarks.speed.probed CONFIG
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import uvicorn

from foveate.proxy import process
from foveate.proxy.app import create_app, serving
from foveate.proxy.cli.serving import listen
from foveate.proxy.config.loading import load_settings
from foveate.proxy.observers import logs

DUE = 0.002  # seconds


class Probed:
    """Measures beside an application."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._late: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._measure())
        if scope["type"] != "http" or scope["path"] != "/probe":
            await self._application(scope, receive, send)
            return
        late, self._late = self._late, []
        content = json.dumps(late).encode()
        headers = [(b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _measure(self) -> None:
        while True:
            due = time.perf_counter() + DUE
            await asyncio.sleep(DUE)
            self._late.append(1000 * (time.perf_counter() - due))


def main() -> None:
    settings = load_settings(Path(sys.argv[1]))
    logs.configure(settings.server)
    process.prepare()
    listening = listen(settings.server.host, settings.server.port)
    uvicorn.Server(serving(Probed(create_app(settings)))).run(sockets=[listening])


if __name__ == "__main__":
    main()
