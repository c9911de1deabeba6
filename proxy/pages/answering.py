"""How our own pages answer."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from foveate.proxy.errors import RequestError
from foveate.proxy.services import Services


def services_of(asking: Request) -> Services:
    """Return what serves now."""
    found: Services = asking.app.state.services
    return found


def as_json(value: Any, status: int = 200) -> Response:
    """Return JSON that nobody caches."""
    return Response(orjson.dumps(value), status, {"cache-control": "no-store"}, "application/json")


def refusal(error: RequestError) -> Response:
    """Return an error in OpenAI's shape."""
    return Response(error.body(), error.status, media_type="application/json")
