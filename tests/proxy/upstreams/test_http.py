"""Where a path is served."""

from __future__ import annotations

import pytest

from foveate.proxy.errors import UpstreamError
from foveate.proxy.upstreams import UpstreamRequest
from foveate.proxy.upstreams.http import HttpUpstream, idle_seconds


@pytest.mark.parametrize(
    ("base", "path", "address"),
    [
        ("https://api.x.com/v1", "/v1/models", "https://api.x.com/v1/models"),
        ("https://api.x.com/v1/", "/v1/models?a=b", "https://api.x.com/v1/models?a=b"),
        ("https://api.x.com/v1", "/v1", "https://api.x.com/v1"),
        ("https://api.x.com/v1", "/health", "https://api.x.com/health"),
        ("https://x.com/openai", "/v1/models", "https://x.com/openai/models"),
        ("https://api.x.com/v1", "/v11/x", "https://api.x.com/v11/x"),
        ("https://api.x.com/v1", "/v1?x=/v1/", "https://api.x.com/v1?x=/v1/"),
    ],
)
def test_a_path_is_served_under_the_base_address(base: str, path: str, address: str) -> None:
    assert str(HttpUpstream(base).address(path)) == address


BASIC = b"Basic dTpwQA=="
BEARER = (b"authorization", b"Bearer sk-1")
VERSION = (b"anthropic-version", b"2023-06-01")


def sent(upstream: HttpUpstream, *headers: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return list(upstream.authorized(UpstreamRequest("GET", "/v1/models", list(headers), b"")))


def test_user_and_password_in_an_address_take_the_place_of_the_callers_key() -> None:
    upstream = HttpUpstream("http://u:p%40@host:8000/v1")
    assert str(upstream.address("/v1/models")) == "http://host:8000/v1/models"
    assert sent(upstream, BEARER) == sent(upstream) == [(b"authorization", BASIC)]
    assert sent(upstream, VERSION, (b"x-api-key", b"k"), BEARER) == [
        VERSION, (b"x-api-key", b"k"), (b"authorization", BASIC),
    ]  # fmt: skip
    assert sent(HttpUpstream("http://u:p%40@host/v1", api_key="k"), BEARER) == [
        (b"authorization", b"Bearer k")
    ]


def test_a_key_takes_the_place_of_the_callers_wherever_that_stands() -> None:
    upstream = HttpUpstream("http://host/v1", api_key="k")
    given = [BEARER, (b"x-api-key", b"theirs"), (b"api-key", b"theirs"), (b"accept", b"*/*")]
    assert sent(upstream, *given) == [(b"accept", b"*/*"), (b"authorization", b"Bearer k")]


def test_a_client_of_azures_gets_the_key_in_its_own_header() -> None:
    upstream = HttpUpstream("https://name.openai.azure.com/openai", api_key="k")
    assert sent(upstream, (b"api-key", b"theirs")) == [(b"api-key", b"k")]


async def test_the_vendor_that_cannot_be_reached_is_the_one_that_is_named() -> None:
    upstream = HttpUpstream("http://127.0.0.1:1/v1", anthropic_url="http://127.0.0.1:2")
    for headers, port in (([BEARER], 1), ([VERSION], 2)):
        with pytest.raises(UpstreamError, match=f"127.0.0.1:{port}[^0-9].*cannot be reached"):
            await upstream.send(UpstreamRequest("GET", "/v1/models", headers, b""))
    await upstream.aclose()


def test_each_vendor_has_the_user_and_password_of_its_own_address() -> None:
    upstream = HttpUpstream("http://host/v1", anthropic_url="http://u:p%40@other")
    assert sent(upstream, BEARER) == [BEARER]
    assert sent(upstream, VERSION) == [VERSION, (b"authorization", BASIC)]
    assert str(upstream.address("/v1/messages", [VERSION])) == "http://other/v1/messages"


def test_idle_connections_are_closed_before_the_server_would() -> None:
    assert idle_seconds("http://127.0.0.1:8000/v1") < 5
    assert idle_seconds("https://api.openai.com/v1") == 30
    assert idle_seconds("https://api.openai.com/v1", "http://127.0.0.1:9000") < 5
