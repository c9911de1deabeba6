"""A light upstream: answers a chat completion at once, or as a stream of 20 chunks."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import cast

import uvloop

from benchmarks.speed.bodies import GAP

CHUNKS = 20
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_ANSWER = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x" * 400}, "finish_reason": "stop"}],
    }
).encode()  # fmt: skip
_HEAD = b"HTTP/1.1 %s\r\ncontent-type: %s\r\n%s\r\n\r\n"
_WHOLE = _HEAD % (b"200 OK", b"application/json", b"content-length: %d" % len(_ANSWER)) + _ANSWER
_MISSING = _HEAD % (b"404 Not Found", b"application/json", b"content-length: 2") + b"{}"
_STREAM = _HEAD % (b"200 OK", b"text/event-stream", b"transfer-encoding: chunked")


class Mock(asyncio.Protocol):
    """One connection; requests come one after another."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._pieces: list[bytes] = []
        self._missing = 0  # bytes of the body that are still to come
        self._streaming: asyncio.Task[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._streaming:
            self._streaming.cancel()

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        if self._missing:
            self._missing -= len(data)
        else:
            head, end, rest = b"".join(self._pieces).partition(b"\r\n\r\n")
            if not end:
                return
            length = _LENGTH.search(head)
            self._missing = (int(length[1]) if length else 0) - len(rest)
        if self._missing <= 0:
            self._answer(b"".join(self._pieces)[:2000])
            self._pieces, self._missing = [], 0

    def _answer(self, start: bytes) -> None:
        if not start.startswith(b"POST"):
            self._transport.write(_MISSING)
        elif b'"stream": true' in start or b'"stream":true' in start:
            self._streaming = asyncio.ensure_future(self._stream(GAP if b'"paced"' in start else 0.0))
        else:
            self._transport.write(_WHOLE)

    async def _stream(self, gap: float) -> None:
        self._transport.write(_STREAM)
        for _ in range(CHUNKS):
            event = (
                b'data: {"choices":[{"index":0,"delta":{"content":"t=%019d "}}]}\n\n'
                % time.monotonic_ns()
            )
            self._transport.write(b"%x\r\n%s\r\n" % (len(event), event))
            await asyncio.sleep(gap)
        self._transport.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
