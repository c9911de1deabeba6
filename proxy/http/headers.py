"""HTTP headers: which ones travel on, and the ones of our own."""

from __future__ import annotations

from collections.abc import Sequence

Headers = list[tuple[bytes, bytes]]  # names in lower case, in order, repeats allowed
PREFIX = b"x-pruning"
# Where the clients of the three APIs, and Azure's, put their key
CARRIERS = (b"authorization", b"x-api-key", b"api-key")
# What each of Anthropic's clients has to send, and nobody else's sends
VERSION = b"anthropic-version"
# RFC 9110 section 7.6.1: these speak of one connection only.
HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
        b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip


OF_THE_CONNECTION = HOP_BY_HOP | {b"host", b"content-length", b"expect"}


def end_to_end(headers: Headers) -> Headers:
    """Return the headers that are meant for the other end."""
    return _without(headers, HOP_BY_HOP)


def outgoing(headers: Headers) -> Headers:
    """Return what the upstream may see of a caller's headers: none of our own, nor what the connection
    decides.
    """
    return [pair for pair in _without(headers, OF_THE_CONNECTION) if not pair[0].startswith(PREFIX)]


def is_anthropics(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Say whether these are the headers of Anthropic's clients."""
    return any(name == VERSION for name, _ in headers)


def without_keys(headers: Headers) -> Headers:
    """Return the headers less those that carry a key."""
    return [pair for pair in headers if pair[0] not in CARRIERS]


def _without(headers: Headers, dropped: frozenset[bytes]) -> Headers:
    """Return headers less those in `dropped` and those that a Connection header names."""
    named = [value for name, value in headers if name.lower() == b"connection"]
    for value in named:
        dropped = dropped | {token.strip().lower() for token in value.split(b",")}
    return [pair for pair in headers if pair[0].lower() not in dropped]


def value_of(headers: Headers, name: bytes) -> bytes:
    """Return the value of the first header of that name, empty where there is none."""
    for found, value in headers:
        if found == name:
            return value
    return b""
