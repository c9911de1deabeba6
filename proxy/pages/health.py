"""Says whether the proxy can do its work now."""

from __future__ import annotations

import asyncio

from foveate.proxy.errors import ConfigError, UpstreamError
from foveate.proxy.services import Services, check_writable
from foveate.proxy.upstreams import Upstream, UpstreamRequest

PATIENCE = 3.0  # seconds that the upstream has to answer


async def problems(services: Services) -> list[str]:
    """Return what stands in the way, nothing where all is well."""
    found = services.parts.histories.problems()
    settings = services.settings
    if settings.index.type == "chroma" and not settings.index.url:
        try:
            await asyncio.to_thread(check_writable, settings.data.expanduser() / "chroma")
        except ConfigError as error:
            found.append(str(error))
    return found + await unreachable(services.parts.upstream)


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
