"""Where a path is served."""

from __future__ import annotations

import pytest

from foveate.proxy.upstreams.http import Http


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
    assert str(Http(base).address(path)) == address
