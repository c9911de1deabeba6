"""Conversations that go on request by request, decided without a server and remembered between the requests."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from msgspec import structs

from foveate.policies.types import Budget
from foveate.proxy import services
from foveate.proxy.config.schema import Settings
from foveate.proxy.formats import Format
from foveate.proxy.formats.memo import linked
from foveate.proxy.formats.parsed import Item
from foveate.proxy.formats.wire.usage import Usage
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.http.refusals import TooLong
from foveate.proxy.pruning.limits.windows import Windows
from foveate.proxy.pruning.memory import Memory
from foveate.proxy.pruning.record import Conversation
from foveate.proxy.pruning.request import Decision, Request
from foveate.proxy.pruning.states.in_memory import InMemoryStates
from foveate.proxy.upstreams.echo import Echo
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.conversations import body
from support.deciding import CHAT
from support.parts import WordEmbedder
from support.server import assemble, settings_for

NOWHERE = "http://127.0.0.1:1"


def services_with(memory: Memory, settings: Settings | None = None) -> services.Services:
    """Return services that remember in `memory`, with an embedder that needs no model."""
    built = assemble(settings or settings_for(NOWHERE), WordEmbedder(), InMemory())
    parts = replace(built.parts, memory=memory)
    if settings is None:
        parts = replace(
            parts,
            upstream=Echo(),
            windows=Windows(built.settings.window, built.settings.budget, Echo()),
        )
    return services.assemble(built.settings, parts)


class Deciding:
    """A pruner that lives through many requests; no socket is opened."""

    def __init__(self, memory: Memory | None = None, settings: Settings | None = None) -> None:
        self._memory = memory or Memory(InMemoryStates(max_mib=64, ttl_hours=1))
        self._settings = settings

    def __enter__(self) -> Deciding:
        self._runner = asyncio.Runner()
        self._services = services_with(self._memory, self._settings)
        self._runner.get_loop().call_soon(self._services.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._services.aclose())
        self._runner.close()

    def ask(
        self, messages: Sequence[dict[str, Any]], key: str, high: int, low: int, sticky: bool | None = None,
        session: str | None = None, mode: Any = None, **more: Any,
    ) -> Decision:  # fmt: skip
        """Return the decision on a request of the caller `key`."""
        overrides = Overrides(mode=mode, budget=Budget(high, low), sticky=sticky, session=session)
        return self.decide(json.dumps(body(list(messages), **more)).encode(), key, overrides)

    def decide(self, content: bytes, key: str, overrides: Overrides, wire: Format = CHAT) -> Decision:
        """Return the decision on a request of any API."""
        return self._runner.run(self._services.pruner.decide(Request(wire, content, overrides, key)))

    def answered(self, request: Request, decision: Decision, prompt: int) -> None:
        """Have the upstream answer, and say that it counted so many tokens of the prompt."""
        outcome = structs.replace(decision.outcome, status=200)
        self._services.pruner.learn(request, outcome, Usage(prompt, None))

    def refused(self, request: Request, decision: Decision, refusal: TooLong) -> Decision | None:
        """Have the upstream refuse the prompt, and return what is sent instead."""
        return self._runner.run(self._services.pruner.decide_again(request, decision.outcome, refusal))


def caller() -> str:
    """Return the name of a caller of whom nothing is known."""
    return secrets.token_hex(8)


def conversation(tenant: str, ids: Sequence[str], session: str = "") -> Conversation:
    """Return a history of items of which nothing but their hashes is known."""
    items = [Item(each, 1, ()) for each in ids]
    return Conversation(tenant, linked([], items), items, session)


def pieces(content: bytes) -> list[bytes]:
    """Return the messages of a request's body, each as its bytes."""
    return [bytes(raw) for raw in CHAT.read(content).items]


def ends(messages: Sequence[dict[str, Any]]) -> Iterator[int]:
    """Yield how much of a conversation each request holds: up to each user message and each complete set of results."""
    open_calls: set[str] = set()
    for i, message in enumerate(messages):
        open_calls |= {c["id"] for c in message.get("tool_calls") or ()}
        open_calls.discard(message.get("tool_call_id", ""))
        if message["role"] in ("user", "tool") and not open_calls:
            yield i + 1
