"""Any server that speaks OpenAI's API or Anthropic's, over HTTP."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from functools import lru_cache

import aiohttp
from yarl import URL

from foveate.proxy.config.addresses import shown_address
from foveate.proxy.errors import RequestError, UpstreamError
from foveate.proxy.http.headers import CARRIERS, Headers, end_to_end, is_anthropics, without_keys
from foveate.proxy.upstreams import UpstreamRequest, UpstreamResponse

# aiohttp would add these where the caller sent none.
MAX_HEADER = 64 * 1024  # bytes of one response header
_OF_THE_CALLER = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


OPENAI, ANTHROPIC = "api.openai.com", "https://api.anthropic.com"


class HttpUpstream:
    """Passes requests through as they are, each vendor's to its address. A key, when set, replaces the
    caller's own; so do user and password in the address.
    """

    def __init__(
        self,
        url: str,
        api_key: str = "",
        anthropic_url: str = "",
        anthropic_api_key: str = "",
        connect_timeout: float = 10,
        read_timeout: float = 600,
    ) -> None:
        """Take the address of all, and Anthropic's where it is another: its own where `url` is OpenAI's
        own.
        """
        self._base, self._login = without_login(url.rstrip("/"))
        self._key = api_key.encode()
        apart = anthropic_url.rstrip("/") or (ANTHROPIC if URL(url).host == OPENAI else "")
        self._anthropic, self._anthropic_login = (
            without_login(apart) if apart else (self._base, self._login)
        )
        # A key goes to the vendor that it is for.
        self._anthropic_key = (anthropic_api_key or ("" if apart else api_key)).encode()
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_timeout, sock_read=read_timeout
        )
        self._session: aiohttp.ClientSession | None = None

    def address(self, path: str, headers: Headers | None = None) -> URL:
        """Return where `path` is served to a caller of these headers.

        `/v1` is the base address, other paths stand beside it. Anthropic's address is its clients' base
        address, with or without the `/v1` that they put behind it.
        """
        if not path.startswith("/"):
            raise RequestError(400, f"the request target {path[:100]!r} is not a path")
        base = self.base(headers or [])
        if base != self._base:
            return URL(base.removesuffix("/v1") + path, encoded=True)
        return located(base, path)

    def base(self, headers: Headers) -> str:
        """Return the base address that a caller of these headers is sent to."""
        return self._anthropic if is_anthropics(headers) else self._base

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Return the answer once its head is there; UpstreamError 502 or 504 where there is none."""
        headers = [(n.decode("latin-1"), text(v)) for n, v in self.authorized(request)]
        base = shown_address(self.base(request.headers))
        try:
            response = await self._open().request(
                request.method,
                self.address(request.path, request.headers),
                headers=headers,
                data=request.body or None,
                allow_redirects=False,
            )
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            what = "connect to" if isinstance(error, aiohttp.ConnectionTimeoutError) else "answer from"
            raise UpstreamError(
                504, f"no {what} the upstream {base} in time", "upstream_timeout"
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamError(
                502,
                f"the upstream {base} cannot be reached: {shown_address(str(error))}",
                "upstream_unreachable",
            ) from None
        return UpstreamResponse(
            status=response.status,
            headers=end_to_end([(n.lower(), v) for n, v in response.raw_headers]),
            body=_read(response),
            aclose=lambda: close(response),
        )

    def authorized(self, request: UpstreamRequest) -> Headers:
        """Return the headers to send: with the key that is set for the vendor, else with the caller's
        own.
        """
        if is_anthropics(request.headers):
            if self._anthropic_key:
                return with_key(request.headers, self._anthropic_key, b"x-api-key", b"authorization")
            login = self._anthropic_login
        else:
            if self._key:
                return with_key(request.headers, self._key, b"authorization", b"api-key")
            login = self._login
        if not login:
            return request.headers
        others = [(n, v) for n, v in request.headers if n != b"authorization"]
        return [*others, (b"authorization", login)]

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, keepalive_timeout=idle_seconds(self._base, self._anthropic)
                ),
                timeout=self._timeout,
                auto_decompress=False,
                max_line_size=MAX_HEADER,
                max_field_size=MAX_HEADER,
                skip_auto_headers=_OF_THE_CALLER,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


def without_login(address: str) -> tuple[str, bytes]:
    """Return an address without user and password, and the header's value that says those; empty without
    them.
    """
    url = URL(address)
    if url.user is None:
        return address, b""
    said = base64.b64encode(f"{url.user}:{url.password or ''}".encode())
    return address.replace(
        f"//{url.raw_authority}", f"//{url.raw_authority.rpartition('@')[2]}"
    ), b"Basic " + said


def with_key(headers: Headers, key: bytes, usual: bytes, other: bytes) -> Headers:
    """Return the headers with `key` in the place of the caller's: in the vendor's `usual` header, and in
    its `other` one where that alone is what the caller sent (Azure's `api-key`).
    """
    given = [name for name, _ in headers if name in CARRIERS]
    name = other if given == [other] else usual
    return [*without_keys(headers), (name, b"Bearer " + key if name == b"authorization" else key)]


def idle_seconds(*bases: str) -> float:
    """Return how long a connection may be idle: less than its server allows, so that no request meets the
    moment at which it hangs up, since a POST may not be sent twice (RFC 9110, section 9.2.2).

    Services behind TLS wait for a minute or more; uvicorn (vLLM), Node and llama.cpp for 5 seconds, and
    plain connections are cheap to open.
    """
    return 30.0 if all(base.startswith("https:") for base in bases) else 4.0


@lru_cache(maxsize=256)
def located(base: str, path: str) -> URL:
    """Return the address of `path` under `base`; few are asked for again and again."""
    if path == "/v1" or path.startswith(("/v1/", "/v1?")):
        return URL(base + path[3:], encoded=True)
    return URL(base.removesuffix("/v1") + path, encoded=True)


def text(value: bytes) -> str:
    """Return a header's value such that aiohttp, which writes UTF-8, sends it as it came, or in UTF-8
    if it was not.
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


async def _read(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; UpstreamError where it breaks off."""
    content = response.content
    try:
        while chunk := await content.readany():
            yield chunk
    except TimeoutError:
        raise UpstreamError(
            504, "the upstream fell silent in the middle of its answer", "upstream_timeout"
        ) from None
    except (aiohttp.ClientError, OSError) as error:
        raise UpstreamError(
            502, f"the upstream broke off its answer: {error}", "upstream_broken"
        ) from None


async def close(response: aiohttp.ClientResponse) -> None:
    """Give the connection back, or end it where the answer was not read to its end."""
    response.close()
