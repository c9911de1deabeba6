"""Bodies that try to freeze or to kill a proxy."""

from __future__ import annotations

import base64
import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import brotli
from backports import zstd

HI = {"role": "user", "content": "hi"}
WORDS = "word thing other stuff here now "
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda content: brotli.compress(content, quality=5),
    "zstd": zstd.compress,
}


class Wire(NamedTuple):
    """Where requests of an API go, and what they have at their top level."""

    path: str
    field: bytes
    model: bytes
    more: bytes = b""

    def holding(self, items: bytes) -> bytes:
        """Return a request with what stands in its list of messages."""
        return b'{"model": "%b", %b"%b": [%b]}' % (self.model, self.more, self.field, items)

    def asked(self, messages: list[dict[str, Any]], **more: Any) -> bytes:
        """Return a request."""
        given = json.loads(self.holding(b""))
        return json.dumps({**given, self.field.decode(): messages, **more}).encode()

    def long(self, text: str) -> bytes:
        """Return a request with one long message."""
        return self.asked(
            [{"role": "user", "content": "q"}, {"role": "assistant", "content": text}, HI]
        )


WIRES = {
    "chat": Wire("/v1/chat/completions", b"messages", b"gpt-4o"),
    "responses": Wire("/v1/responses", b"input", b"gpt-4o"),
    "messages": Wire("/v1/messages", b"messages", b"claude-sonnet-4-5", b'"max_tokens": 100, '),
}


def bodies(megabytes: float, wire: Wire) -> Iterator[tuple[str, bytes]]:
    """Yield names and bodies, the texts in them of about so many megabytes."""
    size = int(megabytes * 1e6)
    yield "control", wire.asked([HI])
    yield "a model's name of slashes", wire.asked([HI], model="/" * 120_000)
    yield "a list of zeros", wire.holding(b"0," * (size // 2) + b"0")
    yield "many empty messages", wire.holding(b"{}," * (size // 3) + b"{}")
    levels = b"[" * 100_000 + b"]" * 100_000
    yield (
        "a value of many levels",
        wire._replace(more=wire.more + b'"x": ' + levels + b", ").holding(b""),
    )
    yield "words", wire.long(WORDS * (size // len(WORDS)))
    yield "base64", wire.long(base64.b64encode(random.Random(1).randbytes(size * 3 // 4)).decode())
    yield "one letter", wire.long("a" * size)
    yield "blanks", wire.long(" " * size)
    yield "line ends", wire.long("\n" * size)
    yield "fences", wire.long("```\n" * (size // 4))
    yield "lone surrogates", wire.long("\ud800" * (size // 6))
    yield "combining marks", wire.long("\u0301" * (size // 6))
    yield "stops between letters", wire.long("a." * (size // 2))
    yield "quotes", wire.long('"' * (size // 2))
    yield (
        "lines of values",
        wire.long("\n".join(f"key_{n}={n * 7919 % 10007}" for n in range(size // 16))),
    )
    yield "a tool of blanks", wire.asked([HI], tools=[_tool(" " * size)])
    yield from _talks(size, wire)


def _talks(size: int, wire: Wire) -> Iterator[tuple[str, bytes]]:
    """Yield talks of which much is left, in few messages and in many."""
    words = WORDS * 30
    many = [{"role": role, "content": words} for role in ("user", "assistant")] * (
        size // len(words) // 2
    )
    yield "many messages", wire.asked([*many, HI])
    parts = [{"type": "text", "text": words}] * (size // len(words))
    yield "many parts", wire.asked([{"role": "assistant", "content": parts}, HI])
    yield "many parts of nothing", wire.asked([{"role": "user", "content": [{}] * (size // 4)}, HI])
    yield (
        "a latest turn",
        wire.asked(
            [
                HI,
                {"role": "assistant", "content": "q"},
                {"role": "user", "content": WORDS * (size // len(WORDS))},
            ]
        ),
    )


def _tool(description: str) -> dict[str, Any]:
    function = {"name": "x", "description": description}
    return {"type": "function", "function": function, **function}
