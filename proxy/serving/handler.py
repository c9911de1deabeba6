"""Serves every path but our own: prunes the requests of known APIs, relays the rest untouched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import structs

from foveate.proxy.errors import RequestError
from foveate.proxy.formats import Format
from foveate.proxy.http import overrides
from foveate.proxy.http.body import Body, HungUp, Receive
from foveate.proxy.observers import Observer
from foveate.proxy.observers.recent import Recent
from foveate.proxy.pruning.pruner import Pruner
from foveate.proxy.serving.exchange import Exchange, no_report, upstream_request
from foveate.proxy.serving.relay import CLIENT_CLOSED_REQUEST, Relay, Scope, Send, refuse
from foveate.proxy.upstreams import Upstream

_log = logging.getLogger("foveate.request")


@dataclass(frozen=True, slots=True)
class Routes:
    """What is pruned: the format of each path, the policies that callers may name, and the largest body."""

    formats: Mapping[str, Format]
    policies: frozenset[str]
    max_body: int  # bytes


class Handler:
    """Answers requests and tells the observers how each that could be pruned has ended."""

    def __init__(
        self, routes: Routes, upstream: Upstream, pruner: Pruner, recent: Recent, observers: Sequence[Observer] = ()
    ) -> None:
        self._routes = routes
        self._upstream = upstream
        self._pruner = pruner
        self._recent = recent
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
        wire = self._routes.formats.get(scope["path"]) if scope["method"] == "POST" else None
        if wire is None:
            await self._relayed(scope, receive, send)
            return
        exchange = Exchange(wire, self._upstream, self._pruner, scope, send)
        try:
            body = Body(scope["headers"], receive, self._routes.max_body)
            asked = overrides.read_overrides(scope["headers"], self._routes.policies)
            status = await exchange.run(body, asked, self._recent)
        except RequestError as error:
            status = await refuse(send, error, wire.error(error), exchange.report())
        except HungUp:
            status = CLIENT_CLOSED_REQUEST
        self._finish(scope, status, exchange)

    async def _relayed(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = Body(scope["headers"], receive, self._routes.max_body)
            status = await Relay(self._upstream, body, send, no_report).run(upstream_request(scope, body))
        except RequestError as error:
            status = await refuse(send, error, error.body(), [])
        except HungUp:
            status = CLIENT_CLOSED_REQUEST
        _log.debug("%s %s %d", scope["method"], scope["path"], status)

    def _finish(self, scope: Scope, status: int, exchange: Exchange) -> None:
        took = exchange.elapsed()
        if exchange.outcome is None:
            _log.debug("%s %s %d %.0f ms", scope["method"], scope["path"], status, took)
            return
        usage = exchange.usage
        first_byte = exchange.first_byte
        # What failed may quote the request: it is told to whoever asks for an explanation, and never kept.
        told = {"status": status, "took": took, "first_byte": first_byte, "usage": usage, "failure_reason": ""}
        outcome = structs.replace(exchange.outcome, **told)
        if usage is not None:
            self._pruner.learn(outcome, usage)
        self._recent.put(outcome, exchange.ledger, exchange.request)
        for observer in self._observers:
            observer.observe(outcome)
