"""The page itself: static files, and the login where a token is set."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from starlette.responses import RedirectResponse, Response

from foveate.proxy.errors import RequestError
from foveate.proxy.http.body import Body
from foveate.proxy.pages import access

router = APIRouter(dependencies=[Depends(access.local_or_guarded)])
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    # With no-referrer a browser would send the login form's Origin as null
    "referrer-policy": "same-origin",
    "cache-control": "no-cache",
}


@router.get("/")
async def page(request: Request) -> Response:
    """Return the page, or the login where that is needed first."""
    try:
        await access.admitted(request)
    except HTTPException as error:
        if error.status_code != 401:
            raise
        return static_file("login.html", 401)
    return static_file("index.html")


@router.get("/static/{name:path}")
def static(name: Annotated[str, Path(pattern=r"^(vendor/)?[\w-]+(\.[\w-]+)+$")]) -> Response:
    """Return one of the page's files."""
    return static_file(name)


@router.post("/login")
async def logged_in(request: Request) -> Response:
    """Set the cookie for whoever knows the token."""
    token = access.admin_token(request)
    access.guesses_of(request).check(access.address_of(request))
    try:
        form = parse_qs(
            (await Body(request.scope["headers"], request.receive, 4096).read()).decode(
                "utf-8", "replace"
            )
        )
    except RequestError as error:
        raise HTTPException(error.status, str(error)) from None
    if not token or not access.same(form.get("token", [""])[0], token):
        await access.guesses_of(request).wrong(access.address_of(request))
        return refused_login()
    response = RedirectResponse("/-/", 303)
    access.log_in(response, token, secure=request.url.scheme == "https")
    return response


def refused_login() -> Response:
    """Return the login with the line that the token is not the right one."""
    page = static_file("login.html", 401)
    return Response(bytes(page.body).replace(b" hidden", b""), 401, HEADERS, TYPES[".html"])


@router.post("/logout")
def logged_out() -> Response:
    """Take the cookie back."""
    response = RedirectResponse("/-/", 303)
    access.log_out(response)
    return response


def static_file(name: str, status: int = 200) -> Response:
    """Return a file of the page; HTTPException 404 where there is none."""
    suffix = name[name.rfind(".") :]
    found = files("foveate.proxy.pages") / "static" / name
    if suffix not in TYPES or not found.is_file():
        raise HTTPException(404, f"no file {name!r}")
    return Response(found.read_bytes(), status, HEADERS, TYPES[suffix])
