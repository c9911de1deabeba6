"""A server that hangs up after five idle seconds is never met at that moment."""

from __future__ import annotations

import time

from aiohttp import web

from support.client import chat
from support.server import Live
from support.upstream import Upstream, reply_json

ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def test_an_idle_connection_is_given_up_before_its_server_gives_it_up(
    quick: Live, upstream: Upstream
) -> None:
    seen: list[object] = []

    async def script(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        assert request.transport is not None
        seen.append(request.transport.get_extra_info("peername"))
        return await reply_json({"id": "1", "object": "chat.completion", "choices": []})(request, body)

    upstream.script = script
    for _ in range(4):
        chat(quick.url, ASK)
    assert len(set(seen)) < 4  # some were used again
    time.sleep(4.8)
    chat(quick.url, ASK)
    assert seen[4] not in seen[:4]
