"""The straight line of one request."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from http import HTTPStatus
from time import perf_counter
from typing import Protocol

from msgspec import structs

from foveate.proxy.errors import RequestError
from foveate.proxy.http import headers, overrides, refusals
from foveate.proxy.http.usage import Usage
from foveate.proxy.observers.recent import Recent
from foveate.proxy.pruning.asked import Asked
from foveate.proxy.pruning.outcome import Ledger, Outcome
from foveate.proxy.pruning.pruner import Pruner
from foveate.proxy.serving.relay import CLIENT_CLOSED_REQUEST, Body, HungUp, Receive, Relay, Scope, Send, refuse
from foveate.proxy.upstreams import Headers, Upstream, UpstreamRequest

_log = logging.getLogger("foveate.request")
PRUNED_PATH = "/v1/chat/completions"
CREDENTIALS = (b"authorization", b"api-key", b"x-api-key", b"openai-organization", b"openai-project")


class Observer(Protocol):
    """Somebody who is told how each chat completion has ended."""

    def observe(self, outcome: Outcome) -> None:
        """Take note of a finished one."""

    def close(self) -> None:
        """Hand on what waits."""


class Handler:
    """Serves every path but our own: prunes chat completions, relays the rest untouched."""

    def __init__(
        self, upstream: Upstream, pruner: Pruner, recent: Recent, policies: frozenset[str], max_body: int,
        observers: Sequence[Observer] = (),
    ) -> None:  # fmt: skip
        self._upstream = upstream
        self._pruner = pruner
        self._recent = recent
        self._policies = policies
        self._max_body = max_body
        self._observers = observers
        self.running = 0  # requests under way
        self.idle = asyncio.Event()
        self.idle.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; other kinds of connection are closed."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003, "reason": "foveate relays HTTP only"})
            return
        self.running += 1
        self.idle.clear()
        try:
            await self._serve(scope, receive, send)
        finally:
            self.running -= 1
            if not self.running:
                self.idle.set()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(self._upstream, self._pruner, self._recent, scope, send)
        try:
            body = Body(scope["headers"], receive, self._max_body)
            if scope["method"] == "POST" and scope["path"] == PRUNED_PATH:
                status = await exchange.pruned(body, overrides.read(scope["headers"], self._policies))
            else:
                status = await Relay(self._upstream, body, send, no_report).run(upstream_request(scope, body))
        except RequestError as error:
            status = await refuse(send, error, exchange.report())
        except HungUp:
            status = CLIENT_CLOSED_REQUEST
        self._finish(scope, status, exchange)

    def _finish(self, scope: Scope, status: int, exchange: Exchange) -> None:
        took = exchange.elapsed()
        if exchange.outcome is None:
            _log.debug("%s %s %d %.0f ms", scope["method"], scope["path"], status, took)
            return
        # What failed may quote the request: it is told to whoever asks for an explanation, and never kept.
        usage = exchange.usage
        outcome = structs.replace(
            exchange.outcome, status=status, took=took, first_byte=exchange.first_byte, usage=usage, failure_reason=""
        )
        if usage is not None:
            self._pruner.learn(outcome, usage)
            if outcome.result == "untouched" and outcome.tokens_before is None:  # sent unread: the upstream has counted
                outcome = structs.replace(outcome, tokens_before=usage.prompt_tokens, tokens_after=usage.prompt_tokens)
        self._recent.put(outcome, exchange.ledger, exchange.asked)
        for observer in self._observers:
            observer.observe(outcome)


class Exchange:
    """A chat completion on its way: decided, sent, and decided once more where the upstream finds it too long."""

    def __init__(self, upstream: Upstream, pruner: Pruner, recent: Recent, scope: Scope, send: Send) -> None:
        self._start = perf_counter()
        self._upstream = upstream
        self._pruner = pruner
        self._recent = recent
        self._scope = scope
        self._send = send
        self.asked: Asked | None = None
        self.outcome: Outcome | None = None
        self.ledger: Ledger | None = None
        self.first_byte: float | None = None
        self.usage: Usage | None = None

    def elapsed(self) -> float:
        """Return milliseconds since the request came."""
        return (perf_counter() - self._start) * 1000

    def report(self, waited: float = 0.0) -> Headers:
        """Return the response headers that tell what was done, and how many milliseconds the upstream took.

        Asked for once, when the answer begins.
        """
        self.first_byte = self.elapsed()
        if self.asked:
            self.asked.trace.stage = "answer"
        return headers.report(self.outcome, waited) if self.outcome else []

    async def pruned(self, body: Body, asked_for: overrides.Overrides) -> int:
        """Answer the request and return the status."""
        content = await body.read()
        credentials = [(n, v) for n, v in self._scope["headers"] if n in CREDENTIALS]
        self.asked = Asked(content, asked_for, tenant(credentials), credentials)
        self._recent.begun(self.asked)
        try:
            return await self._forwarded(body, self.asked)
        finally:
            self._recent.ended(self.asked)

    async def _forwarded(self, body: Body, asked: Asked) -> int:
        decision = await self._pruner.decide(asked)
        asked.trace.stage = "upstream"
        self.outcome, self.ledger = decision.outcome, decision.ledger

        async def retry(status: int, answer: bytes) -> UpstreamRequest | None:
            refusal = refusals.read(status, answer)
            again = refusal and await self._pruner.decide_again(asked, decision.outcome, refusal)
            if not again:
                return None
            self.outcome, self.ledger = again.outcome, again.ledger
            return upstream_request(self._scope, again.body)

        relay = Relay(self._upstream, body, self._send, self.report, retry)
        status = await relay.run(upstream_request(self._scope, decision.body))
        self.usage = relay.tail.usage() if relay.tail and status == HTTPStatus.OK else None
        return status


def no_report(waited: float) -> Headers:
    """Return no headers of our own, for what is relayed untouched."""
    return []


def upstream_request(scope: Scope, body: bytes | Body) -> UpstreamRequest:
    """Return the request to send on: the caller's path and end-to-end headers, and `body`."""
    path = scope.get("raw_path", b"").decode("latin-1") or scope["path"]
    if scope["query_string"]:
        path += "?" + scope["query_string"].decode("latin-1")
    onward = headers.outgoing(scope["headers"])
    if isinstance(body, Body):
        if body.size:
            onward.append((b"content-length", str(body.size).encode()))
        return UpstreamRequest(scope["method"], path, onward, body.stream() if body.expected else b"")
    return UpstreamRequest(scope["method"], path, onward, body)


def tenant(credentials: Headers) -> str:
    """Return a name for the caller, from a hash of the key: callers with different keys share nothing."""
    key = b"\n".join(value for _, value in credentials)
    return hashlib.blake2b(key, digest_size=8, person=b"foveate-tenant").hexdigest()
