"""Which web pages may send requests: none of another site, where they would spend a key of the
operator's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from foveate.proxy.errors import RequestError
from foveate.proxy.http.headers import Headers, value_of

ANY = "*"


@dataclass(frozen=True, slots=True)
class Origins:
    """The sites whose pages may send requests, beside the proxy's own; `guarded` where others may not."""

    guarded: bool = False
    allowed: Collection[str] = ()

    def check(self, headers: Headers) -> None:
        """Raise RequestError 403 for a request that a page of another site has made."""
        if not self.guarded or ANY in self.allowed:
            return
        origin = value_of(headers, b"origin").decode("latin-1")
        foreign = bool(origin) and not is_own(origin, value_of(headers, b"host").decode("latin-1"))
        across = value_of(headers, b"sec-fetch-site") == b"cross-site"
        if (foreign or (across and not origin)) and origin not in self.allowed:
            raise RequestError(
                403,
                f"pages of {origin[:100] or 'another site'} may not spend the upstream's key; "
                "add the site to callers.origins to let them",
                code="foreign_origin",
            )


def is_own(origin: str, host: str) -> bool:
    """Say whether an origin is that of the very address that a request came to."""
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def name_of(host: str) -> str:
    """Return the name in a Host header, without its port; empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
