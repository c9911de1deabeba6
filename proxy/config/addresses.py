"""Addresses in the settings: what they must be, and how they are shown."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

_USERINFO = re.compile(r"(?<=://)[^/@\s]*@")


def checked(url: str) -> str:
    """Return an address as it is; ValueError where it names no host or a port that cannot be."""
    if url:
        parts = urlsplit(url)
        if not parts.hostname or (parts.port is not None and parts.port < 1):
            raise ValueError(f"{shown_address(url)} names no host")
    return url


def shown_address(value: Any) -> Any:
    """Return a setting's value with the user and password of every address in it hidden."""
    if isinstance(value, str):
        return _USERINFO.sub("***@", value)
    if isinstance(value, dict):
        return {name: shown_address(each) for name, each in value.items()}
    return [shown_address(each) for each in value] if isinstance(value, list) else value
