"""A load generator on bare asyncio protocols, lighter than what it measures."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from benchmarks.speed.bodies import NONCE

LIMIT = 60.0  # seconds a request may take
_numbers = itertools.count(time.time_ns() // 1000 % 10**9 * 1000)
_SENT = re.compile(rb"t=(\d{19})")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass
class Sample:
    """One answered request; milliseconds."""

    status: int
    total: float
    first: float  # until the first byte of the body
    delays: list[float] = field(
        default_factory=list
    )  # of each chunk of a stream, from the mock's write to ours
    headers: bytes = b""


class Connection(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, url: str) -> None:
        self._url = url

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._done: asyncio.Future[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(ConnectionError(f"{self._url} hung up"))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if self._head is None:
            self._start += data
            head, end, data = self._start.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = head
            length = _LENGTH.search(head)
            self._missing = int(length[1]) if length else -1
        if data and not self._first:
            self._first = now
        if data:
            self.chunks.append((now, data))
        if self._missing >= 0:
            self._missing -= len(data)
            ended = self._missing <= 0
        else:
            ended = data.endswith(b"0\r\n\r\n")
        if ended and self._done and not self._done.done():
            self._end = now
            self._done.set_result(None)

    async def ask(self, request: bytes) -> Sample:
        self._head, self._start, self._first, self._missing = None, b"", 0, 0
        self.chunks: list[tuple[int, bytes]] = []
        self._done = asyncio.get_running_loop().create_future()
        start = time.monotonic_ns()
        self._transport.write(request)
        await asyncio.wait_for(self._done, LIMIT)
        assert self._head is not None
        delays = [(at - int(sent)) / 1e6 for at, chunk in self.chunks for sent in _SENT.findall(chunk)]
        total, first = (self._end - start) / 1e6, ((self._first or self._end) - start) / 1e6
        return Sample(int(self._head[9:12]), total, first, delays, self._head)

    def close(self) -> None:
        self._transport.close()


def request(
    url: str, body: bytes, headers: Mapping[str, str], path: str = "/v1/chat/completions"
) -> bytes:
    """Return a request's bytes, the body's nonce still in it."""
    own = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if body else ""
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nhost: {url.removeprefix('http://')}\r\n{own}{kind}\r\n"
    return head.encode() + body


async def connect(url: str) -> Connection:
    host, _, port = url.removeprefix("http://").partition(":")
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(url), host, int(port)
    )
    return connection


async def drive(url: str, wire: bytes, count: int, concurrency: int, seconds: float) -> list[Sample]:
    """Return samples of `count` requests at the most, in `seconds` at the most, over so many connections."""
    until = time.monotonic() + seconds
    left = itertools.count()
    samples: list[Sample] = []
    before, nonce, after = wire.partition(NONCE)

    async def worker() -> None:
        connection = await connect(url)
        try:
            while next(left) < count and (time.monotonic() < until or not samples):
                number = b"%012d" % next(_numbers) if nonce else b""
                samples.append(await connection.ask(before + number + after))
        finally:
            connection.close()

    await asyncio.gather(*(worker() for _ in range(concurrency)))
    bad = [sample for sample in samples if sample.status != 200]
    if bad:
        raise RuntimeError(f"{url} answered {bad[0].status} {len(bad)} times of {len(samples)}")
    return samples
