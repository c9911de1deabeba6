"""Who may see what is under /-/: this machine alone, or whoever knows the admin token."""

from __future__ import annotations

import hashlib
import hmac
import time

from fastapi import HTTPException, Request
from starlette.responses import Response

from foveate.proxy.config.loading import is_loopback
from foveate.proxy.config.schema import Settings
from foveate.proxy.http.origins import is_own, name_of
from foveate.proxy.pages.guesses import Guesses

COOKIE = "foveate_session"
LIFETIME = 12 * 3600  # seconds that a login lasts
# What proxies put in front of others send along; and nginx without settings speaks HTTP/1.0 to what it
# stands for.
FORWARDED = (
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-ray",
    "cdn-loop",
)
FORWARDED_LIKE = ("x-forwarded", "x-envoy", "x-original", "x-amzn-trace", "x-cloud-trace", "fly-")


async def admitted(request: Request) -> None:
    """Let a request through; HTTPException 401 or 403 with the remedy where it may not."""
    token = admin_token(request)
    if not token:
        require_local(request)
    elif not await is_known(request, token):
        raise HTTPException(401, "send the admin token: Authorization: Bearer TOKEN, or log in at /-/")
    require_same_origin(request)


def local_or_guarded(request: Request) -> None:
    """Let a request for what is no secret through: where no token is set, from this machine alone."""
    if not admin_token(request):
        require_local(request)
    require_same_origin(request)


def admin_token(request: Request) -> str:
    """Return the admin token, empty where none is set."""
    settings: Settings = request.app.state.services.settings
    return settings.admin.token.get_secret_value()


def require_local(request: Request) -> None:
    """Raise HTTPException 403 unless the caller is on this machine and speaks to it by a loopback name.

    A forwarding header means that somebody else stands behind the caller. The name is checked because a
    foreign page can point its own name at 127.0.0.1 (DNS rebinding).
    """
    client = address_of(request)
    name = name_of(request.headers.get("host", ""))
    if not is_loopback(client) or is_forwarded(request):
        raise HTTPException(
            403, "pages under /-/ are for this machine alone; set admin.token to open them to others"
        )
    if not is_loopback(name):
        raise HTTPException(
            403, f"Host {name[:100]!r} is not a loopback name; use 127.0.0.1 or set admin.token"
        )


def is_forwarded(request: Request) -> bool:
    """Say whether anything tells that somebody else stands behind the caller."""
    told = any(name in FORWARDED or name.startswith(FORWARDED_LIKE) for name in request.headers)
    return told or request.scope.get("http_version") == "1.0"


def require_same_origin(request: Request) -> None:
    """Raise HTTPException 403 where another site's page makes a request that does something."""
    if request.method in ("GET", "HEAD"):
        return
    origin = request.headers.get("origin")
    foreign = origin is not None and not is_own(origin, request.headers.get("host", ""))
    if foreign or request.headers.get("sec-fetch-site", "same-origin") in ("cross-site", "same-site"):
        raise HTTPException(403, "another site's page may not do this")


def has_bearer(request: Request, token: str) -> bool:
    """Say whether the request carries the token."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and same(given.strip(), token)


async def is_known(request: Request, token: str) -> bool:
    """Say whether a request carries the token or a login; a wrong one takes time, HTTPException 429 where
    many do.
    """
    if not is_guess(request):
        return False
    guesses_of(request).check(address_of(request))
    if has_bearer(request, token) or has_session(request, token):
        return True
    await guesses_of(request).wrong(address_of(request))
    return False


def is_guess(request: Request) -> bool:
    """Say whether a request carries what could have been the token, or a login."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return (scheme.lower() == "bearer" and bool(given.strip())) or _is_fresh(cookie_of(request))


def guesses_of(request: Request) -> Guesses:
    """Return what is known of wrong tokens."""
    found: Guesses = request.app.state.guesses
    return found


def address_of(request: Request) -> str:
    """Return the caller's address, empty where it has none."""
    return request.client.host if request.client else ""


def has_session(request: Request, token: str) -> bool:
    """Say whether the request carries the cookie of a login that still holds."""
    value = cookie_of(request)
    return _is_fresh(value) and same(value, session(token, int(value.partition(".")[0])))


def cookie_of(request: Request) -> str:
    """Return the cookie of a login, empty without one."""
    return request.cookies.get(COOKIE, "")


def _is_fresh(cookie: str) -> bool:
    until = cookie.partition(".")[0]
    return until.isascii() and until.isdigit() and len(until) < 12 and int(until) > time.time()


def session(token: str, until: int) -> str:
    """Return the cookie's value for a login that holds until then; another token makes it void."""
    return f"{until}.{hmac.digest(token.encode(), str(until).encode(), hashlib.sha256).hex()}"


def same(given: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())


def log_in(response: Response, token: str, secure: bool) -> None:
    """Set the cookie: out of reach for scripts, and never sent along from another site."""
    value = session(token, int(time.time()) + LIFETIME)
    response.set_cookie(
        COOKIE, value, LIFETIME, path="/-", secure=secure, httponly=True, samesite="strict"
    )


def log_out(response: Response) -> None:
    """Take the cookie back."""
    response.delete_cookie(COOKIE, path="/-", httponly=True, samesite="strict")
