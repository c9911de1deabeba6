"""A request whose body is compressed is pruned like any other."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import orjson
import pytest
from backports import zstd

from foveate.proxy import upstreams
from support.client import ask
from support.conversations import body, long_chat
from support.server import Live, serve, settings_for
from support.upstream import Upstream

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}
BUDGET = ("X-Pruning-Budget", "900/500")
CHAT = orjson.dumps(body(long_chat()))
ITEMS = [
    {k: m[k] for k in ("role", "content")} for m in long_chat() if m["role"] in ("user", "assistant")
]
WIRES = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": orjson.dumps({"model": "gpt-4o", "input": ITEMS}),
    "/v1/messages": orjson.dumps({"model": "claude-sonnet-4-5", "max_tokens": 10, "messages": ITEMS}),
}


@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("path", WIRES)
def test_it_is_cut_and_sent_on_plain(quick: Live, upstream: Upstream, path: str, encoding: str) -> None:
    packed = PACKERS[encoding](WIRES[path])
    headers = [("Content-Encoding", encoding), ("Authorization", f"Bearer sk-{encoding}"), BUDGET]
    answer = ask(quick.url, "POST", path, packed, headers)
    assert (answer.status, answer.result) == (200, "cut")
    assert upstream.last.header("content-encoding") is None
    assert len(upstream.last.body) < len(WIRES[path])
    assert orjson.loads(upstream.last.body)["model"] == orjson.loads(WIRES[path])["model"]


@pytest.mark.parametrize("encoding", [*PACKERS, " GZIP "])
def test_what_stays_goes_on_as_it_came(quick: Live, upstream: Upstream, encoding: str) -> None:
    packed = PACKERS[encoding.strip().lower()](CHAT)
    headers = [("Content-Encoding", encoding), ("Authorization", "Bearer sk-whole")]
    answer = ask(quick.url, "POST", "/v1/chat/completions", packed, headers)
    assert (answer.status, answer.result) == (200, "untouched")
    assert upstream.last.body == packed
    assert (upstream.last.header("content-encoding") or "").strip() == encoding.strip()


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(CHAT)[:-40], "gzip"),
        (CHAT, "gzip"),
        (CHAT, "lz5"),
        (gzip.compress(CHAT), "gzip, br"),
    ],
)
def test_what_cannot_be_read_goes_on_as_it_came(
    quick: Live, upstream: Upstream, packed: bytes, encoding: str
) -> None:
    headers = [("Content-Encoding", encoding), BUDGET]
    answer = ask(quick.url, "POST", "/v1/chat/completions", packed, headers)
    assert (answer.status, answer.result) == (200, "failed")
    assert upstream.last.body == packed
    assert upstream.last.header("content-encoding") == encoding


def test_one_that_holds_more_than_a_body_may_is_refused(quick: Live, upstream: Upstream) -> None:
    bomb = gzip.compress(bytes(65 * 1024 * 1024), compresslevel=1)
    seen = len(upstream.received)
    answer = ask(quick.url, "POST", "/v1/chat/completions", bomb, [("Content-Encoding", "gzip")])
    assert answer.status == 413
    assert b"server.max_body_mib" in answer.body
    assert len(upstream.received) == seen


def test_upstreams_in_this_process_read_it_too() -> None:
    with serve(settings_for("http://127.0.0.1:1", upstream={"type": "echo"})) as live:
        headers = [("Content-Encoding", "zstd")]
        answer = ask(live.url, "POST", "/v1/chat/completions", zstd.compress(CHAT), headers)
        assert answer.status == 200


async def test_a_plain_body_is_read_as_it_is_however_large() -> None:
    whole = bytes(upstreams.LARGEST + 1)
    request = upstreams.UpstreamRequest("POST", "/v1/chat/completions", [], whole)
    assert await request.content() is whole
