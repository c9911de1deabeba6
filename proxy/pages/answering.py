"""How our own pages answer."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from foveate.proxy.callers.caller import ANYBODY
from foveate.proxy.errors import RequestError
from foveate.proxy.http.headers import Headers, value_of, without_keys
from foveate.proxy.pages import access
from foveate.proxy.services import Services
from foveate.proxy.serving.exchange import credentials_of, tenant


def services_of(asking: Request) -> Services:
    """Return what serves now."""
    found: Services = asking.app.state.services
    return found


def caller_of(asking: Request) -> tuple[str, Headers]:
    """Return a name for the caller whose key a request carries, and what of it an upstream may see; the
    admin token is nobody's.
    """
    services = services_of(asking)
    given = asking.scope["headers"]
    caller = services.handler.admission.find(given) or ANYBODY
    credentials = credentials_of(without_keys(given) if caller.name else given)
    token = access.admin_token(asking)
    if token and access.has_bearer(asking, token):  # ours: the upstream must never see it
        credentials = [(n, v) for n, v in credentials if n != b"authorization"]
    header = services.settings.callers.header.lower().encode()
    named = value_of(given, header) if header else b""
    return tenant(credentials, named, caller.name), credentials


def whose_of(asking: Request) -> str:
    """Return the name of that caller, empty where a request carries no key."""
    tenant_, credentials = caller_of(asking)
    return tenant_ if credentials else ""


def as_json(value: Any, status: int = 200) -> Response:
    """Return JSON that nobody caches."""
    return Response(orjson.dumps(value), status, {"cache-control": "no-store"}, "application/json")


def refusal(error: RequestError) -> Response:
    """Return an error in OpenAI's shape."""
    return Response(error.body(), error.status, media_type="application/json")
