"""Addresses in the settings."""

from __future__ import annotations

import pytest

from foveate.proxy.config.addresses import shown_address
from foveate.proxy.config.loading import dump_settings, load_settings
from foveate.proxy.errors import ConfigError


@pytest.mark.parametrize(
    "url", ["http://[::1/v1", "http://host:99999/v1", "http://host:port", "http:///v1", "http://host:0"]
)
@pytest.mark.parametrize("setting", ["upstream", "index"])
def test_an_address_that_cannot_be_is_refused(setting: str, url: str) -> None:
    with pytest.raises(ConfigError, match=f"{setting}.url"):
        load_settings(None, {setting: {"url": url}})


@pytest.mark.parametrize(
    "url", ["foo", "", "http://host:6379", "redis://", "redis://:SECRET@/0", "redis://host:0"]
)
def test_an_address_that_is_no_redis_server_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"state\.url") as refused:
        load_settings(None, {"state": {"type": "redis", "url": url}})
    assert "SECRET" not in str(refused.value)
    for good in ("unix:///run/redis.sock", "redis://host", "rediss://:p@host:6380/0"):
        load_settings(None, {"state": {"type": "redis", "url": good}})
    load_settings(None, {"state": {"type": "sqlite", "url": url}})


@pytest.mark.parametrize("key", ["bearer sk-SECRET", "sk-SECRET\n", "sk SECRET"])
@pytest.mark.parametrize("setting", ["api_key", "anthropic_api_key"])
def test_a_key_with_more_in_it_is_refused_and_not_repeated(setting: str, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"upstream\.{setting}.*give the key alone") as refused:
        load_settings(None, {"upstream": {setting: key}})
    assert "SECRET" not in str(refused.value)


def test_passwords_in_addresses_are_never_shown() -> None:
    given = {
        "upstream": {"url": "http://svc:SECRET@host/v1"},
        "state": {"url": "redis://:SECRET@host:6379/0"},
    }
    dumped = dump_settings(load_settings(None, given))
    assert "SECRET" not in dumped
    assert "host/v1" in dumped
    assert shown_address(["https://a:b@c/d", 1, {"x": "http://u@h"}]) == [
        "https://***@c/d",
        1,
        {"x": "http://***@h"},
    ]


@pytest.mark.parametrize("name", ["server.max_body_mib", "embedder.deadline", "upstream.read_timeout"])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_number_without_end_is_refused(name: str, value: float) -> None:
    section, _, field = name.partition(".")
    with pytest.raises(ConfigError, match=name):
        load_settings(None, {section: {field: value}})
