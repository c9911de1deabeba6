"""HTTP headers: which ones travel on, and the ones of our own."""

from __future__ import annotations

from foveate.proxy.pruning.outcome import Outcome
from foveate.proxy.upstreams import Headers

PREFIX = b"x-pruning"
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
    return without(headers, HOP_BY_HOP)


def outgoing(headers: Headers) -> Headers:
    """Return what the upstream may see of a caller's headers: none of our own, nor what the connection decides."""
    return [pair for pair in without(headers, OF_THE_CONNECTION) if not pair[0].startswith(PREFIX)]


def without(headers: Headers, dropped: frozenset[bytes]) -> Headers:
    """Return headers less those in `dropped` and those that a Connection header names."""
    named = [value for name, value in headers if name.lower() == b"connection"]
    for value in named:
        dropped = dropped | {token.strip().lower() for token in value.split(b",")}
    return [pair for pair in headers if pair[0].lower() not in dropped]


def report(outcome: Outcome, waited: float) -> Headers:
    """Return the response headers that tell what was done; the upstream took `waited` milliseconds to begin."""
    stages = "".join([f"{stage};dur={ms:.1f}, " for stage, ms in outcome.milliseconds.items()])
    rows = [
        (b"x-pruning-result", outcome.result.encode()),
        (b"x-pruning-policy", outcome.policy.encode()),
        (b"x-pruning-id", outcome.id.encode()),
        (b"server-timing", f"{stages}upstream;dur={waited:.1f}".encode()),
    ]
    if outcome.tokens_before is not None:
        segments = f"total={outcome.segments} kept={outcome.kept} dropped={outcome.dropped} recalled={outcome.recalled}"
        rows += [
            (b"x-pruning-tokens-before", b"%d" % outcome.tokens_before),
            (b"x-pruning-tokens-after", b"%d" % (outcome.tokens_after or 0)),
            (b"x-pruning-prefix", b"%d" % (outcome.tokens_prefix or 0)),
            (b"x-pruning-segments", segments.encode()),
        ]
    return rows
