"""Says whether the proxy can do its work now."""

from __future__ import annotations

import asyncio
import math
from time import monotonic

from foveate.proxy.config.loading import check_writable, index_folder
from foveate.proxy.errors import ConfigError, UpstreamError
from foveate.proxy.services import Services
from foveate.proxy.upstreams import Upstream, UpstreamRequest

PATIENCE = 3.0  # seconds that the upstream has to answer
FRESH = 5.0  # seconds for which an answer holds
AGAIN = 1.0  # and none
ON_DISK = ("chroma", "faiss", "qdrant")  # indexes that keep files where no server is named


class Reach:
    """Whether the upstream can be reached: asked now and then, however many want to know."""

    def __init__(self) -> None:
        self._upstream: Upstream | None = None
        self._found: list[str] = []
        self._until = -math.inf
        self._asking: asyncio.Task[None] | None = None

    async def problems(self, upstream: Upstream) -> list[str]:
        """Return why the upstream could not be reached lately, nothing where it could."""
        if upstream is not self._upstream:
            self._upstream, self._until, self._asking = upstream, -math.inf, None
        if monotonic() >= self._until:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask(upstream))
            await asyncio.wait([self._asking])
        return self._found

    async def _ask(self, upstream: Upstream) -> None:
        found = await unreachable(upstream)
        if upstream is self._upstream:
            self._found = found
            self._until = monotonic() + (AGAIN if found else FRESH)


async def problems(services: Services, reach: Reach) -> list[str]:
    """Return what stands in the way, nothing where all is well."""
    found = services.parts.histories.problems()
    settings = services.settings
    if settings.index.type in ON_DISK and not settings.index.url:
        try:
            await asyncio.to_thread(check_writable, index_folder(settings))
        except ConfigError as error:
            found.append(str(error))
    return found + await reach.problems(services.parts.upstream)


async def unreachable(upstream: Upstream) -> list[str]:
    """Return why the upstream cannot be reached; any answer at all, a refusal too, shows that it can."""
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await upstream.send(UpstreamRequest("GET", "/v1/models", [], b""))
            await answer.aclose()
    except UpstreamError as error:
        return [str(error)]
    except TimeoutError:
        return [f"the upstream does not answer within {PATIENCE:g} seconds"]
    return []
