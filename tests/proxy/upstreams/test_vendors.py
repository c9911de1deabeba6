"""Two vendors behind one proxy: which request goes where, and with whose key."""

from __future__ import annotations

import pytest

from foveate.proxy.http.headers import Headers, is_anthropics
from foveate.proxy.upstreams import UpstreamRequest
from foveate.proxy.upstreams.http import HttpUpstream, with_key

ANTHROPIC: Headers = [(b"anthropic-version", b"2023-06-01")]
OPENAI_URL, ANTHROPIC_URL = "https://api.openai.com/v1", "https://api.anthropic.com"


@pytest.mark.parametrize(
    ("url", "anthropic_url", "address"),
    [
        (OPENAI_URL, "", f"{ANTHROPIC_URL}/v1/messages"),
        (OPENAI_URL, "https://gateway.test/anthropic", "https://gateway.test/anthropic/v1/messages"),
        (OPENAI_URL, "https://gateway.test/v1/", "https://gateway.test/v1/messages"),
        ("https://openrouter.ai/api/v1", "", "https://openrouter.ai/api/v1/messages"),
        ("http://127.0.0.1:8000/v1", ANTHROPIC_URL, f"{ANTHROPIC_URL}/v1/messages"),
    ],
)
def test_anthropics_clients_go_to_their_address(url: str, anthropic_url: str, address: str) -> None:
    assert (
        str(HttpUpstream(url, anthropic_url=anthropic_url).address("/v1/messages", ANTHROPIC))
        == address
    )


@pytest.mark.parametrize("path", ["/v1/models", "/v1/threads/t/messages", "/v1/chat/completions"])
def test_all_others_go_to_the_upstream(path: str) -> None:
    upstream = HttpUpstream(OPENAI_URL, anthropic_url="https://gateway.test")
    assert (
        str(upstream.address(path, [(b"authorization", b"Bearer k")]))
        == f"https://api.openai.com{path}"
    )


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"api_key": "openai-key"}, b"callers"),
        ({"api_key": "openai-key", "anthropic_api_key": "anthropic-key"}, b"anthropic-key"),
        ({"url": "https://gateway.test/v1", "api_key": "gateway-key"}, b"gateway-key"),
    ],
)
def test_a_key_goes_to_its_own_vendor_alone(settings: dict[str, str], sent: bytes) -> None:
    upstream = HttpUpstream(**{"url": OPENAI_URL, **settings})
    request = UpstreamRequest("POST", "/v1/messages", [*ANTHROPIC, (b"x-api-key", b"callers")], b"{}")
    assert dict(upstream.authorized(request))[b"x-api-key"] == sent


THEIRS = b"x-api-key", b"authorization"


def test_a_key_stands_in_the_header_that_the_caller_uses() -> None:
    bearer = with_key([(b"authorization", b"Bearer theirs"), *ANTHROPIC], b"ours", *THEIRS)
    assert bearer == [*ANTHROPIC, (b"authorization", b"Bearer ours")]
    assert with_key([(b"x-api-key", b"theirs")], b"ours", *THEIRS) == [(b"x-api-key", b"ours")]
    assert with_key([(b"authorization", b"Bearer a"), (b"x-api-key", b"b")], b"ours", *THEIRS) == [
        (b"x-api-key", b"ours")
    ]
    assert with_key([], b"ours", *THEIRS) == [(b"x-api-key", b"ours")]


def test_a_client_of_anthropics_is_known_by_the_version_that_it_sends() -> None:
    assert is_anthropics(ANTHROPIC)
    assert not is_anthropics([(b"x-api-key", b"k")])
