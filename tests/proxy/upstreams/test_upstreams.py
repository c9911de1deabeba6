"""Upstreams by name: ours, and a user's own."""

from __future__ import annotations

import pytest

from foveate.proxy.config.schema import UpstreamSettings
from foveate.proxy.errors import ConfigError
from foveate.proxy.upstreams import UpstreamRequest, UpstreamResponse, build_upstream
from foveate.proxy.upstreams.http import HttpUpstream


class Mine:
    """An upstream of a user's own, which needs an address, a key and a region."""

    def __init__(self, url: str, api_key: str, region: str = "") -> None:
        self.given = (url, api_key, region)

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        raise NotImplementedError

    async def aclose(self) -> None:
        pass


async def test_the_default_speaks_http() -> None:
    made = build_upstream(UpstreamSettings())
    assert isinstance(made, HttpUpstream)
    await made.aclose()


def test_a_users_own_is_built_with_the_settings_that_it_takes() -> None:
    settings = UpstreamSettings(
        type=f"{__name__}:Mine", url="http://x", api_key="sk-1", options={"region": "eu"}
    )  # type: ignore[arg-type]
    made = build_upstream(settings)
    assert isinstance(made, Mine)
    assert made.given == ("http://x", "sk-1", "eu")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"type": "smoke"},
            'upstream.type "smoke" is not one of http, echo, litellm; write module:Class',
        ),
        ({"type": "no_such_module:Up"}, "cannot be imported: No module named 'no_such_module'"),
        ({"type": "echo", "options": {"loud": True}}, r"upstream: .*Echo.* cannot be built .*'loud'"),
    ],
)
def test_one_that_cannot_be_built_is_named(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        build_upstream(UpstreamSettings(**settings))  # type: ignore[arg-type]
