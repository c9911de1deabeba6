"""Errors of our own in Anthropic's shape (API reference, "Errors")."""

from __future__ import annotations

import orjson

from foveate.proxy.errors import RequestError

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
}
OTHER = "api_error"


def error_body(error: RequestError) -> bytes:
    """Return the body that an SDK makes its own exception of."""
    told = {"type": KINDS.get(error.status, OTHER), "message": str(error)}
    return orjson.dumps({"type": "error", "error": told})
