"""The product's deciding without a server: bodies in, bodies out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from foveate.policies.types import Budget
from foveate.proxy import services
from foveate.proxy.cache import Cache
from foveate.proxy.config import schema as config
from foveate.proxy.formats import chat
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.pruning.pruner import Asked, Decision
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.parts import WordEmbedder
from support.server import assemble, settings_for


def read(request: Any, split_over: int = 1500, encoding: str = "o200k_base") -> chat.Chat:
    """Return a request's segments."""
    content = request if isinstance(request, bytes) else json.dumps(request).encode()
    return chat.Reader(TokenCounter(encoding), Cache(1 << 20), split_over).parse(chat.read(content))


def rebuild(parsed: chat.Chat, kept: set[int]) -> tuple[bytes, int]:
    """Return the request that keeping those segments makes, and the tokens of its prompt."""
    content, tokens = chat.rebuild(parsed, chat.layout(parsed, kept, {}))
    return content, parsed.fixed_tokens + sum(tokens)


def rebuilt(parsed: chat.Chat, kept: set[int]) -> dict[str, Any]:
    """Return the request that keeping those segments makes, decoded."""
    found: dict[str, Any] = json.loads(rebuild(parsed, kept)[0])
    return found


def decide(
    content: bytes, high: int, low: int, settings: config.Settings | None = None, real: bool = False
) -> Decision:
    """Return what would be forwarded in place of `content`, by a proxy that has seen nothing before."""
    return decide_all([(content, high, low)], settings, real)[0]


def decide_all(
    asked: Sequence[tuple[bytes, int, int]], settings: config.Settings | None = None, real: bool = False
) -> list[Decision]:
    """Return the decision on each request: its body, high and low. Each is a caller of its own."""
    given = settings or settings_for("http://127.0.0.1:1")

    async def run() -> list[Decision]:
        parts = services.build(given) if real else assemble(given, WordEmbedder(), InMemory())
        parts.start()
        try:
            return [
                await parts.pruner.decide(Asked(content, Overrides(budget=Budget(high, low)), f"tenant {n}"))
                for n, (content, high, low) in enumerate(asked)
            ]
        finally:
            await parts.aclose()

    return asyncio.run(run())
