"""Requests to send: English prose from Python's own documentation, seeded."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from functools import lru_cache
from pydoc_data.topics import topics
from typing import Any

NONCE = b"NONCE0000000"  # becomes another number in every request, so that no cache of whole requests can answer
GAP = 0.01  # seconds between the chunks of a paced stream
# Where the same is sent on the other APIs.
PATHS = {"responses": "/v1/responses", "messages": "/v1/messages"}


@lru_cache(maxsize=1)
def sentences() -> list[str]:
    text = re.sub(r"\s+", " ", " ".join(topics[key] for key in sorted(topics)))
    return [s.strip() for s in re.split(r"(?<=[.!?])\s+", text) if 30 < len(s) < 400]


def prose(rng: random.Random, size: int) -> str:
    text = ""
    while len(text) < size:
        text += rng.choice(sentences()) + " "
    return text[:size]


def turns(rng: random.Random, count: int, size: int) -> Iterator[dict[str, Any]]:
    for i in range(count):
        yield {"role": "user" if i % 2 == 0 else "assistant", "content": prose(rng, size)}


def body(messages: list[dict[str, Any]], stream: bool = False, paced: bool = False) -> bytes:
    request: dict[str, Any] = {"model": "gpt-4o-mini"}
    if stream:
        request["stream"] = True
    if paced:
        request["user"] = "paced"
    return json.dumps({**request, "messages": messages, "temperature": 0.2}).encode()


def small(stream: bool = False, paced: bool = False) -> bytes:
    """Return 1 kB: two messages."""
    rng = random.Random(7)
    system = {"role": "system", "content": "You are a helpful assistant."}
    return body(
        [system, {"role": "user", "content": f"{NONCE.decode()} {prose(rng, 780)}"}], stream, paced
    )


def large(stream: bool = False) -> bytes:
    """Return 400 kB: 200 messages, the last one a short question."""
    return history(200, 1980, "large", stream)


def history(count: int, size: int, salt: str = "", stream: bool = False) -> bytes:
    """Return a chat of `count` messages of `size` characters; no two salts share a message."""
    rng = random.Random(f"{salt}{count}{size}")
    system = {"role": "system", "content": f"You are a helpful assistant. {salt}"}
    rows = enumerate(turns(rng, count - 2, max(20, size - 14)))
    said = [{**m, "content": f"{m['content']} {salt}{n}"} for n, m in rows]
    return body(
        [system, *said, {"role": "user", "content": f"{question(rng)} {NONCE.decode()}"}], stream
    )


def question(rng: random.Random) -> str:
    return f"What was said about {rng.choice(sentences())[:50]}?"


def retold(chat: bytes, wire: str) -> bytes:
    """Return a chat completion's body as the API of that name has it."""
    said = json.loads(chat)
    system, *rest = said.pop("messages")
    if wire == "responses":
        return json.dumps({**said, "instructions": system["content"], "input": rest}).encode()
    model = "claude-sonnet-4-5"
    return json.dumps(
        {**said, "model": model, "max_tokens": 1024, "system": system["content"], "messages": rest}
    ).encode()
