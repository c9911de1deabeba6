"""A plain HTTP client that changes nothing: no redirects, no decompression, no path normalising."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 30.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((v for n, v in self.headers if n.lower() == name), None)

    def all(self, name: str) -> list[str]:
        """All values of a header, in order."""
        return [v for n, v in self.headers if n.lower() == name]

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def result(self) -> str | None:
        """What pruning says it did."""
        return self.header("x-pruning-result")

    @property
    def segments(self) -> dict[str, int]:
        """X-Pruning-Segments, read."""
        return {
            k: int(v)
            for k, _, v in (
                pair.partition("=") for pair in (self.header("x-pruning-segments") or "").split()
            )
        }


def connect(url: str) -> http.client.HTTPConnection:
    """Return a connection to the server at `url`."""
    parts = urlsplit(url)
    assert parts.hostname
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)


def ask(
    url: str, method: str, target: str, body: bytes | Iterable[bytes] | None = None,
    headers: Sequence[tuple[str, str]] = (), chunked: bool = False,
) -> Answer:  # fmt: skip
    """Send one request, exactly as given, and read the answer to its end."""
    connection = connect(url)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif isinstance(body, bytes):
            connection.putheader("Content-Length", str(len(body)))
        with suppress(
            BrokenPipeError, ConnectionResetError
        ):  # it has heard enough; the answer is there to be read
            connection.endheaders(body, encode_chunked=chunked)
        return received(connection)
    finally:
        connection.close()


def received(connection: http.client.HTTPConnection) -> Answer:
    """Read the answer to its end."""
    response = connection.getresponse()
    return Answer(response.status, response.getheaders(), response.read())


def chat(url: str, body: Any, **pruning: str) -> Answer:
    """POST a chat completion; `budget="100"` sends X-Pruning-Budget, `pruning="off"` X-Pruning.

    Without a `key` every call is a caller of its own, of whom nothing is remembered.
    """
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    key = pruning.pop("key", f"sk-{secrets.token_hex(8)}")
    headers = [("Content-Type", "application/json"), ("Authorization", f"Bearer {key}")]
    headers += [
        ("X-Pruning" if name == "pruning" else f"X-Pruning-{name.title()}", v)
        for name, v in pruning.items()
    ]
    return ask(url, "POST", "/v1/chat/completions", content, headers)


def send_raw(url: str, content: bytes) -> bytes:
    """Send bytes as they are and return all that comes back until the other end closes or falls silent."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=5) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while piece := connection.recv(65536):
            found += piece
        return found
