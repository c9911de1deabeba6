"""Conversations that go on request by request, decided without a server and remembered between the requests."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from foveate.policies.types import Budget
from foveate.proxy import services
from foveate.proxy.cache import Cache
from foveate.proxy.config import schema as config
from foveate.proxy.formats import chat
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.observers.metrics import Metrics
from foveate.proxy.observers.recent import Recent
from foveate.proxy.pruning.asked import Asked, Decision
from foveate.proxy.pruning.state_store import InMemoryStateStore, StateKeeper
from foveate.proxy.pruning.windows import Windows
from foveate.proxy.reload import Reloads
from foveate.proxy.upstreams.echo import Echo
from foveate.proxy.vectors import Bounds
from foveate.proxy.vectors.histories import Histories
from foveate.proxy.vectors.indexes.in_memory import InMemory
from foveate.proxy.worker import Worker
from support.conversations import body
from support.parts import WordEmbedder
from support.server import settings_for

NOWHERE = "http://127.0.0.1:1"


def parts_with(states: StateKeeper, settings: config.Settings | None = None) -> services.Services:
    """Return services that remember in `states`, with an embedder that needs no model."""
    given = settings or settings_for(NOWHERE)
    cache = Cache(64 << 20)
    upstream = services.build_upstream(given.upstream) if settings else Echo()
    histories = Histories(WordEmbedder(), InMemory(), cache, Worker(), Bounds(given.embedder.deadline))
    return services.assemble(
        given, upstream, histories, states, Recent(100), cache,
        Windows(given.window, given.budget, upstream), Metrics(), (), Reloads(),
    )  # fmt: skip


class Deciding:
    """A pruner that lives through many requests; no socket is opened."""

    def __init__(self, states: StateKeeper | None = None, settings: config.Settings | None = None) -> None:
        self._states = states or StateKeeper(InMemoryStateStore(1 << 26, 3600))
        self._settings = settings

    def __enter__(self) -> Deciding:
        self._runner = asyncio.Runner()
        self._parts = parts_with(self._states, self._settings)
        self._runner.get_loop().call_soon(self._parts.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._parts.aclose())
        self._runner.close()

    def ask(
        self, messages: Sequence[dict[str, Any]], key: str, high: int, low: int, sticky: bool | None = None,
        session: str | None = None, mode: Any = None, **more: Any,
    ) -> Decision:  # fmt: skip
        """Return the decision on a request of the caller `key`."""
        overrides = Overrides(mode=mode, budget=Budget(high, low), sticky=sticky, session=session)
        content = json.dumps(body(list(messages), **more)).encode()
        return self._runner.run(self._parts.pruner.decide(Asked(content, overrides, key)))


def caller() -> str:
    """Return the name of a caller of whom nothing is known."""
    return secrets.token_hex(8)


def pieces(content: bytes) -> list[bytes]:
    """Return the messages of a request's body, each as its bytes."""
    return [bytes(raw) for raw in chat.read(content).messages]


def ends(messages: Sequence[dict[str, Any]]) -> Iterator[int]:
    """Yield how much of a conversation each request holds: up to each user message and each complete set of results."""
    open_calls: set[str] = set()
    for i, message in enumerate(messages):
        open_calls |= {c["id"] for c in message.get("tool_calls") or ()}
        open_calls.discard(message.get("tool_call_id", ""))
        if message["role"] in ("user", "tool") and not open_calls:
            yield i + 1
