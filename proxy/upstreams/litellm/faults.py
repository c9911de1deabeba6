"""What litellm raises, as an answer: status, type and code as the provider gave them, without keys."""

from __future__ import annotations

import re

from foveate.proxy.errors import RequestError, UpstreamError
from foveate.proxy.http.headers import Headers

# By litellm's class names, the most telling first: status (0: the error's own), OpenAI's error type and
# code.
TOO_LONG = "context_length_exceeded"
ERRORS = {
    "ContextWindowExceededError": (400, "invalid_request_error", TOO_LONG),
    "ContentPolicyViolationError": (400, "invalid_request_error", "content_policy_violation"),
    "AuthenticationError": (401, "invalid_request_error", "invalid_api_key"),
    "PermissionDeniedError": (403, "invalid_request_error", "permission_denied"),
    "NotFoundError": (404, "invalid_request_error", "model_not_found"),
    "RateLimitError": (429, "rate_limit_error", "rate_limit_exceeded"),
    "BadRequestError": (0, "invalid_request_error", ""),
    "UnprocessableEntityError": (0, "invalid_request_error", ""),
}
ASKS_FOR_KEY = re.compile(r"(?i)\bapi.?key|credential")
TRANSPORTS = frozenset({"aiohttp", "httpcore", "httpx"})
SECRETS = re.compile(r"\b(?:(?:sk|gsk|xai|pplx|nvapi|hf|r8)[-_]|AIza|AKIA|Bearer\s+)[\w*.-]{4,}[\w*-]")
REDACTED = "[redacted]"


def unwrapped(error: Exception) -> Exception:
    """Return what broke a stream, which litellm raises inside an error for its own router."""
    inner = getattr(error, "original_exception", None)
    return inner if isinstance(inner, Exception) else error


def refusal_of(error: Exception, key: str) -> RequestError:
    """Return litellm's error with OpenAI's status, type and code, without keys or a traceback.

    An UpstreamError where the provider did not answer, as the http upstream has it.
    """
    text = re.sub(
        r"^(?:litellm\.\w+: )+", "", str(error).partition("Traceback (most recent call last)")[0]
    ).strip()
    text = SECRETS.sub(REDACTED, text.replace(key, REDACTED) if key else text)
    names = [cls.__name__ for cls in type(error).__mro__]
    own = getattr(error, "status_code", 0)
    if "Timeout" in names:
        return UpstreamError(504, text, "upstream_timeout")
    if unreached(error) and own not in range(400, 500):
        return UpstreamError(502, text, "upstream_unreachable")
    if "APIConnectionError" in names:
        # litellm's name for any fault of its own while it turns the request into the provider's shape.
        return RequestError(400, f"litellm cannot send this request: {text}")
    status, kind, code = next(
        (ERRORS[name] for name in names if name in ERRORS), (0, "upstream_error", "")
    )
    if code != TOO_LONG:
        kind, code = _said(error, "type") or kind, _said(error, "code") or code
    return RequestError(status or (own if own in range(400, 600) else 502), text, kind, code)


def _said(error: Exception, field: str) -> str:
    """Return a field of the error object that the provider sent, where it is a word."""
    body = getattr(error, "body", None)
    value = body.get(field) if isinstance(body, dict) else None
    return (
        value if isinstance(value, str) and re.fullmatch(r"[a-zA-Z]\w{2,63}", value, re.ASCII) else ""
    )


def unreached(error: BaseException) -> bool:
    """Return whether `error` began with a connection that failed, and not with a provider's answer."""
    causes = []
    at: BaseException | None = error
    while at is not None and at not in causes:
        causes.append(at)
        at = at.__cause__ or at.__context__
    if any(type(cause).__name__ == "HTTPStatusError" for cause in causes):
        return False
    return any(
        isinstance(c, OSError) or type(c).__module__.partition(".")[0] in TRANSPORTS for c in causes
    )


def retry_after(error: Exception) -> Headers:
    """Return the provider's word on when to try again, if it gave one."""
    value = (getattr(error, "litellm_response_headers", None) or {}).get("retry-after")
    return [(b"retry-after", str(value).encode("latin-1", "ignore"))] if value else []
