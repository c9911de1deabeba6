"""Bodies that try to freeze or to kill a proxy."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator

HI = {"role": "user", "content": "hi"}
WORDS = "word thing other stuff here now "


def bodies(megabytes: float) -> Iterator[tuple[str, bytes]]:
    """Yield names and bodies, the texts in them of about so many megabytes."""
    size = int(megabytes * 1e6)
    yield "control", asked([HI])
    yield "a model's name of slashes", json.dumps({"model": "/" * 120_000, "messages": [HI]}).encode()
    yield "a list of zeros", b'{"model": "gpt-4o", "messages": [' + b"0," * (size // 2) + b"0]}"
    yield "many empty messages", b'{"model": "gpt-4o", "messages": [' + b"{}," * (size // 3) + b"{}]}"
    yield (
        "a value of many levels",
        b'{"model": "gpt-4o", "messages": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    )
    yield "words", long(WORDS * (size // len(WORDS)))
    yield "base64", long(base64.b64encode(random.Random(1).randbytes(size * 3 // 4)).decode())
    yield "one letter", long("a" * size)
    yield "blanks", long(" " * size)
    yield "line ends", long("\n" * size)
    yield "fences", long("```\n" * (size // 4))
    yield "lone surrogates", long("\ud800" * (size // 6))
    yield "combining marks", long("\u0301" * (size // 6))
    yield "stops between letters", long("a." * (size // 2))
    yield "quotes", long('"' * (size // 2))
    yield "lines of values", long("\n".join(f"key_{n}={n * 7919 % 10007}" for n in range(size // 16)))
    tool = {"type": "function", "function": {"name": "x", "description": " " * size}}
    yield (
        "a tool of blanks",
        json.dumps({"model": "gpt-4o", "messages": [HI], "tools": [tool]}).encode(),
    )


def long(text: str) -> bytes:
    """Return a request with one long message."""
    return asked([{"role": "user", "content": "q"}, {"role": "assistant", "content": text}, HI])


def asked(messages: list[dict[str, str]]) -> bytes:
    """Return a request."""
    return json.dumps({"model": "gpt-4o", "messages": messages}).encode()
