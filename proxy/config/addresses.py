"""Addresses in the settings: what they must be, and how they are shown."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

# Of the addresses that clients send requests to, what stands behind the base address.
ENDS = ("/chat/completions", "/responses", "/messages", "/models")
REDIS = ("redis", "rediss", "unix")
_USERINFO = re.compile(r"(?<=://)[^/@\s]*@")


def checked(url: str) -> str:
    """Return an address as it is; ValueError where it is none that requests could be sent to."""
    if not url:
        return url
    if not re.match(r"https?://\S+$", url):
        raise ValueError("it must begin with http:// or https://, and have no blanks")
    parts = urlsplit(url)
    if not parts.hostname or (parts.port is not None and parts.port < 1):
        raise ValueError(f"{shown_address(url)} names no host")
    end = next((end for end in ENDS if parts.path.rstrip("/").endswith(end)), "")
    if end:
        base = shown_address(url).rstrip("/").removesuffix(end)
        raise ValueError(f"it is where requests of one kind go; name the base address, {base}")
    return url


def checked_redis(url: str) -> str:
    """Return the address of a Redis server as it is; ValueError where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in REDIS:
        raise ValueError("it must begin with redis://, rediss:// or unix://")
    if parts.scheme != "unix" and (not parts.hostname or parts.port == 0):
        raise ValueError(f"{shown_address(url)} names no host")
    return url


def checked_key(key: SecretStr) -> SecretStr:
    """Return a key as it is; ValueError where it has more in it than a key."""
    value = key.get_secret_value()
    if value.lower().startswith("bearer "):
        raise ValueError("it begins with 'Bearer'; give the key alone")
    if re.search(r"\s", value):
        raise ValueError("it has blanks or a line's end in it; give the key alone")
    return key


def shown_address(value: Any) -> Any:
    """Return a setting's value with the user and password of every address in it hidden."""
    if isinstance(value, str):
        return _USERINFO.sub("***@", value)
    if isinstance(value, dict):
        return {name: shown_address(each) for name, each in value.items()}
    return [shown_address(each) for each in value] if isinstance(value, list) else value
