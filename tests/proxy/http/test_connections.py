"""Callers who are slow to say what they want, and more of them than there are files for."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from foveate.proxy.errors import RequestError
from foveate.proxy.http.body import Body
from foveate.proxy.http.connections import SPARE, Connection
from foveate.proxy.process import most_connections

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Hasty(Connection):
    """One that waits a moment only."""

    patience = 0.2


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer."""
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]}
    await send(start)
    await send({"type": "http.response.body", "body": b"hello"})


@contextmanager
def served(protocol: type[Connection], most: int | None = None) -> Iterator[int]:
    """Serve on the port that it yields."""
    config = uvicorn.Config(
        hello, http=protocol, limit_concurrency=most, log_level="critical", lifespan="off", port=0
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()
    listening.close()


def heard(connection: socket.socket) -> bytes:
    """All that is said until the connection is closed."""
    connection.settimeout(30)
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (b"GET / HTT", b"408"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"408"),
        (ASK + b"GET", b"408"),
        (ASK + b"\r\n", b"hello"),
    ],
)
def test_who_does_not_finish_the_headers_is_hung_up_on(said: bytes, answer: bytes) -> None:
    with served(Hasty) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(said)
        found = heard(connection)
        assert answer in found
        assert bool(answer) == bool(found)


def test_headers_that_drip_are_no_better() -> None:
    with served(Hasty) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        for byte in ASK[:-2]:
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                break
            time.sleep(0.05)
        connection.settimeout(30)
        assert b"408" in connection.recv(65536)


def test_a_kept_connection_serves_one_request_after_another() -> None:
    with served(Hasty) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(30)
        for _ in range(3):
            connection.sendall(ASK[:10])
            connection.sendall(ASK[10:])
            assert connection.recv(65536)


def test_more_connections_than_may_be_are_answered_503() -> None:
    with served(Connection, most=4) as port:
        open_ = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
        time.sleep(0.1)
        with socket.create_connection(("127.0.0.1", port)) as one_more:
            one_more.sendall(ASK)
            assert b" 503 " in heard(one_more)
        open_ += [socket.create_connection(("127.0.0.1", port)) for _ in range(SPARE)]
        with socket.create_connection(("127.0.0.1", port)) as one_more:
            assert b" 503 " in heard(one_more)  # without a word
        for each in open_:
            each.close()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.create_connection(("127.0.0.1", port)) as again:
                again.sendall(ASK)
                again.settimeout(30)
                if b"hello" in again.recv(65536):
                    return
        pytest.fail("it does not serve again")


def test_there_are_files_for_some_connections() -> None:
    most = most_connections()
    assert most is None or most >= 16


def test_a_body_that_drips_is_given_up() -> None:
    async def drip() -> MutableMapping[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def read() -> None:
        await Body([(b"content-length", b"1000")], drip, 10**6, patience=0.1).read()

    with pytest.raises(RequestError) as refused:
        asyncio.run(read())
    assert refused.value.status == 408


def test_a_body_that_comes_in_time_is_read_however_long_it_takes() -> None:
    left = [b"x" * 1024] * 30

    async def flow() -> MutableMapping[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": left.pop(), "more_body": bool(left)}

    body = Body([(b"content-length", b"30720")], flow, 10**6, patience=0.1)
    assert len(asyncio.run(body.read())) == 30 * 1024
