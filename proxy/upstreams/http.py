"""Any server that speaks OpenAI's API, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import lru_cache

import aiohttp
from yarl import URL

from foveate.proxy.errors import RequestError, UpstreamError
from foveate.proxy.http.headers import end_to_end
from foveate.proxy.upstreams import UpstreamRequest, UpstreamResponse

# aiohttp would add these where the caller sent none.
MAX_HEADER = 64 * 1024  # bytes of one response header
_OF_THE_CALLER = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Http:
    """Passes requests through as they are. `api_key`, when set, replaces the caller's own."""

    def __init__(self, url: str, api_key: str = "", connect_timeout: float = 10, read_timeout: float = 600) -> None:
        self._base = url.rstrip("/")
        self._authorization = f"Bearer {api_key}".encode() if api_key else b""
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout, sock_read=read_timeout)
        self._session: aiohttp.ClientSession | None = None

    def address(self, path: str) -> URL:
        """Return where `path` is served: `/v1` is the base address, other paths stand beside it."""
        if not path.startswith("/"):
            raise RequestError(400, f"the request target {path[:100]!r} is not a path")
        return located(self._base, path)

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Return the answer once its head is there; UpstreamError 502 or 504 where there is none."""
        headers = [(n.decode("latin-1"), text(v)) for n, v in self._authorized(request)]
        try:
            response = await self._open().request(
                request.method,
                self.address(request.path),
                headers=headers,
                data=request.body or None,
                allow_redirects=False,
            )
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            what = "connect to" if isinstance(error, aiohttp.ConnectionTimeoutError) else "answer from"
            raise UpstreamError(504, f"no {what} the upstream {self._base} in time", "upstream_timeout") from None
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamError(
                502, f"the upstream {self._base} cannot be reached: {error}", "upstream_unreachable"
            ) from None
        return UpstreamResponse(
            status=response.status,
            headers=end_to_end([(n.lower(), v) for n, v in response.raw_headers]),
            body=read(response),
            aclose=lambda: close(response),
        )

    def _authorized(self, request: UpstreamRequest) -> list[tuple[bytes, bytes]]:
        if not self._authorization:
            return request.headers
        others = [(n, v) for n, v in request.headers if n != b"authorization"]
        return [*others, (b"authorization", self._authorization)]

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # Idle for less than the 60 s after which common servers hang up, so that no request meets that moment.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
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


@lru_cache(maxsize=256)
def located(base: str, path: str) -> URL:
    """Return the address of `path` under `base`; few are asked for again and again."""
    if path == "/v1" or path.startswith(("/v1/", "/v1?")):
        return URL(base + path[3:], encoded=True)
    return URL(base.removesuffix("/v1") + path, encoded=True)


def text(value: bytes) -> str:
    """Return a header's value such that aiohttp, which writes UTF-8, sends it as it came, or in UTF-8 if it was not."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


async def read(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; UpstreamError where it breaks off."""
    content = response.content
    try:
        while chunk := await content.readany():
            yield chunk
    except TimeoutError:
        raise UpstreamError(504, "the upstream fell silent in the middle of its answer", "upstream_timeout") from None
    except (aiohttp.ClientError, OSError) as error:
        raise UpstreamError(502, f"the upstream broke off its answer: {error}", "upstream_broken") from None


async def close(response: aiohttp.ClientResponse) -> None:
    """Give the connection back, or end it where the answer was not read to its end."""
    response.close()
