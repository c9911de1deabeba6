"""Limits on what a caller may send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.client import Answer, ask
from support.server import Live, serve, settings_for
from support.upstream import Upstream

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def small(_upstream: Upstream) -> Iterator[Live]:
    with serve(settings_for(_upstream.url, server={"max_body_mib": 1})) as live:
        yield live


def is_too_large(answer: Answer) -> None:
    assert answer.status == 413
    error = answer.json["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert "1 MiB" in error["message"]
    assert "server.max_body_mib" in error["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/files"])
def test_a_body_declared_too_large_is_refused(small: Live, upstream: Upstream, path: str) -> None:
    is_too_large(ask(small.url, "POST", path, b"x" * (MIB + 1)))
    assert not upstream.received


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/files"])
def test_a_body_in_chunks_that_grows_too_large_is_refused(
    small: Live, upstream: Upstream, path: str
) -> None:
    is_too_large(ask(small.url, "POST", path, (b"x" * 1000 for _ in range(1100)), chunked=True))
    assert not upstream.received, "the upstream must not take the cut-off body for a whole one"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/files"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_exactly_the_limit_is_taken(
    small: Live, upstream: Upstream, path: str, chunked: bool
) -> None:
    body: bytes | Iterator[bytes] = (b"x" * 1024 for _ in range(1024)) if chunked else b"x" * MIB
    assert ask(small.url, "POST", path, body, chunked=chunked).status == 200
    assert len(upstream.last.body) == MIB


def test_the_server_goes_on_after_a_refusal(small: Live, upstream: Upstream) -> None:
    is_too_large(ask(small.url, "POST", "/v1/chat/completions", b"x" * (MIB + 1)))
    assert ask(small.url, "GET", "/v1/models").status == 200
