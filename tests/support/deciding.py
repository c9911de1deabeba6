"""The product's deciding without a server: bodies in, bodies out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from foveate.policies.types import Budget
from foveate.proxy import services
from foveate.proxy.cache import Cache
from foveate.proxy.config.schema import Settings
from foveate.proxy.formats import Format
from foveate.proxy.formats.chat import Chat
from foveate.proxy.formats.layout import layout
from foveate.proxy.formats.memo import Memo
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.pruning.request import Decision, Request
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.parts import WordEmbedder
from support.server import assemble, settings_for

CHAT = Chat()


def memo(split_over: int = 1500, encoding: str = "o200k_base", wire: Format = CHAT) -> Memo:
    """Return what parses requests, and has parsed none."""
    return Memo(wire, TokenCounter(encoding), Cache(1 << 20), split_over)


def read(
    request: Any, split_over: int = 1500, encoding: str = "o200k_base", wire: Format = CHAT
) -> Parsed:
    """Return a request's segments."""
    content = request if isinstance(request, bytes) else json.dumps(request).encode()
    return parse(memo(split_over, encoding, wire), content, wire)


def parse(memory: Memo, content: bytes, wire: Format = CHAT) -> Parsed:
    """Return a request's segments, parsed with what `memory` knows."""
    outline = wire.read(content)
    return memory.parse(outline, memory.find(outline))


def rebuild(parsed: Parsed, kept: set[int], wire: Format = CHAT) -> tuple[bytes, int]:
    """Return the request that keeping those segments makes, and the tokens of its prompt."""
    prompt = wire.rebuild(parsed, layout(parsed, kept, {}))
    return prompt.body, parsed.fixed_tokens + sum(prompt.tokens)


def rebuilt(parsed: Parsed, kept: set[int], wire: Format = CHAT) -> dict[str, Any]:
    """Return the request that keeping those segments makes, decoded."""
    found: dict[str, Any] = json.loads(rebuild(parsed, kept, wire)[0])
    return found


def decide(
    content: bytes, high: int, low: int, settings: Settings | None = None, real: bool = False
) -> Decision:
    """Return what would be forwarded in place of `content`, by a proxy that has seen nothing before."""
    return decide_all([(content, high, low)], settings, real)[0]


def decide_all(
    asked: Sequence[tuple[bytes, int, int]], settings: Settings | None = None, real: bool = False
) -> list[Decision]:
    """Return the decision on each request: its body, high and low. Each is a caller of its own."""
    given = settings or settings_for("http://127.0.0.1:1")

    async def run() -> list[Decision]:
        built = services.build(given) if real else assemble(given, WordEmbedder(), InMemory())
        built.start()
        try:
            return [
                await built.pruner.decide(
                    Request(CHAT, content, Overrides(budget=Budget(high, low)), f"tenant {n}")
                )
                for n, (content, high, low) in enumerate(asked)
            ]
        finally:
            await built.aclose()

    return asyncio.run(run())
