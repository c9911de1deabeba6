"""A request of a file decided once, by services that live for it alone."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from foveate.proxy import services
from foveate.proxy.config.schema import Settings
from foveate.proxy.errors import ConfigError, RequestError
from foveate.proxy.formats import Format
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.pages.explanation import asked_again, explained
from foveate.proxy.pruning.request import Request


async def explain_once(
    settings: Settings, wire: Format, content: bytes, policy: str | None, budget: str | None
) -> dict[str, Any]:
    """Return the explanation of a request; ConfigError for a policy or budget that is not allowed."""
    built = services.build(settings)
    try:
        request = asked_again(
            Request(wire, content, Overrides(), ""), policy, budget, frozenset(built.policies)
        )
    except RequestError as error:
        raise ConfigError(str(error)) from None
    built.start()
    try:
        return explained(request, await built.pruner.decide(request))
    finally:
        await built.aclose()


def read_request(path: Path) -> bytes:
    """Return the content of a request file; ConfigError where it cannot be read, or is no JSON."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not JSON: {error}; nothing was sent") from None
    return content


def bundled_request() -> bytes:
    """Return a request with the bundled conversation."""
    found = files("foveate.proxy.evaluation.demo").joinpath("conversation.json").read_text()
    return json.dumps({"model": "gpt-4o", "messages": json.loads(found)["messages"]}).encode()
