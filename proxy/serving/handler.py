"""Serves every path but our own: prunes the requests of known APIs, relays the rest untouched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from msgspec import structs

from foveate.proxy.callers.admission import Admission
from foveate.proxy.callers.caller import ANYBODY, Caller
from foveate.proxy.errors import RequestError
from foveate.proxy.formats import Format
from foveate.proxy.formats.wire.usage import told_tokens
from foveate.proxy.http import headers, overrides
from foveate.proxy.http.body import Body, HungUp, Receive
from foveate.proxy.http.origins import Origins
from foveate.proxy.observers import Observer
from foveate.proxy.observers.recent import Recent
from foveate.proxy.pruning.pruner import RequestPruner
from foveate.proxy.serving.counts import count
from foveate.proxy.serving.exchange import Exchange, no_report, relayed_report, upstream_request
from foveate.proxy.serving.relay import CLIENT_CLOSED_REQUEST, Relay, Scope, Send, refuse
from foveate.proxy.serving.router import Route, Router, deployment
from foveate.proxy.upstreams import Upstream

_log = logging.getLogger("foveate.request")
MOST_NAMED = 1000  # paths, of which callers can make up any number
# The status on which Codex CLI goes on with plain requests at once; any other has it try five times
# first.
NO_WEBSOCKET = RequestError(
    426,
    "foveate does not relay websockets: send the request as POST, streamed or not",
    code="websocket_not_supported",
)
REFUSALS = frozenset({401, 403, 429})  # of callers, by ours
BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
UPGRADE: headers.Headers = [(b"connection", b"close")]


@dataclass(frozen=True, slots=True)
class Routes:
    """What is pruned: the format of each path, the policies that callers may name, and the largest
    body.
    """

    formats: Mapping[str, Format]
    policies: frozenset[str]
    max_body: int  # bytes
    admission: Admission
    policy: str  # of callers that name none
    caller: bytes = b""  # name of the header that tells callers apart beside their keys; empty for none
    origins: Origins = Origins()


class Handler:
    """Answers requests and tells the observers how each that could be pruned has ended."""

    def __init__(
        self,
        routes: Routes,
        upstream: Upstream,
        pruner: RequestPruner,
        recent: Recent,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._routes = routes
        self.admission = routes.admission
        self._upstream = upstream
        self._pruner = pruner
        self._recent = recent
        self._router = Router(routes.formats)
        self._named: set[str] = set()  # paths of which the log has told
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
        route = self._router.find(scope["method"], scope["path"])
        if route.format is None:
            await self._relayed(route, scope, receive, send)
            return
        routes = self._routes
        exchange = Exchange(route, self._upstream, self._pruner, scope, send)
        caller = ANYBODY
        try:
            routes.origins.check(scope["headers"])
            caller, scope = self._identified(scope)
            exchange.let_in(caller, scope)
            await self.admission.admit(caller)
            body = Body(scope["headers"], receive, routes.max_body)
            asked = overrides.read_overrides(scope["headers"], routes.policies)
            asked = caller.within(asked, routes.policy)
            status = await exchange.run(body, asked, self._recent, routes.caller)
        except RequestError as error:
            status = await refuse(send, error, route.format.error(error), exchange.report())
            self._count_refusal(caller, error)
        except HungUp:
            status = CLIENT_CLOSED_REQUEST
        self._finish(scope, status, exchange)
        if caller.name and status == HTTPStatus.OK:
            await self.admission.spend(caller, _spent(exchange))

    def _identified(self, scope: Scope) -> tuple[Caller, Scope]:
        """Return who calls, and the scope without the caller's key."""
        given = scope["headers"]
        caller, left = self.admission.identified(given)
        return caller, scope if left is given else {**scope, "headers": left}

    def _count_refusal(self, caller: Caller, error: RequestError) -> None:
        if caller.name and error.status in REFUSALS:
            self.admission.refused(caller)

    async def _relayed(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        caller = ANYBODY
        try:
            self._routes.origins.check(scope["headers"])
            if headers.value_of(scope["headers"], b"upgrade").lower() == b"websocket":
                raise NO_WEBSOCKET
            caller, scope = self._identified(scope)
            await self.admission.admit(caller)
            asked = overrides.read_overrides(scope["headers"], self._routes.policies)
            told = route.call or asked is not overrides.NO_OVERRIDES
            if told:
                self._name(scope["path"])
            body = Body(scope["headers"], receive, self._routes.max_body)
            if caller.models and scope["method"] not in BODILESS:
                caller.require_model(await body.peek(), deployment(scope["path"]))
            report = relayed_report if told else no_report
            if route.counts and route.api is not None:
                status = await count(route.api, self._upstream, scope, body, send, report)
            else:
                relay = Relay(self._upstream, body, send, report)
                status = await relay.run(upstream_request(scope, body))
                if caller.name and status == HTTPStatus.OK and relay.ends:
                    await self.admission.spend(caller, told_tokens(relay.ends.read()[1]))
        except RequestError as error:
            self._count_refusal(caller, error)
            content = route.api.error(error) if route.api else error.body()
            status = await refuse(send, error, content, UPGRADE if error is NO_WEBSOCKET else [])
        except HungUp:
            status = CLIENT_CLOSED_REQUEST
        _log.debug("%s %r %d", scope["method"], scope["path"][:200], status)

    def _name(self, path: str) -> None:
        """Say once that what comes to a path is relayed as it is."""
        if path[:200] not in self._named and len(self._named) < MOST_NAMED:
            self._named.add(path[:200])
            _log.info("%r is relayed as it comes: what is sent there is not pruned", path[:200])

    def _finish(self, scope: Scope, status: int, exchange: Exchange) -> None:
        took = exchange.elapsed()
        if exchange.outcome is None:
            _log.debug("%s %r %d %.0f ms", scope["method"], scope["path"][:200], status, took)
            return
        usage = exchange.usage
        first_byte = exchange.first_byte
        # What failed may quote the request: it is told to whoever asks for an explanation, and never
        # kept.
        told = {
            "status": status,
            "took": took,
            "first_byte": first_byte,
            "usage": usage,
            "failure_reason": "",
        }
        outcome = structs.replace(exchange.outcome, **told)
        if usage is not None and exchange.request is not None:
            self._pruner.learn(exchange.request, outcome, usage)
        self._recent.put(outcome, exchange.ledger, exchange.request)
        for observer in self._observers:
            observer.observe(outcome)


def _spent(exchange: Exchange) -> int:
    """Return the tokens that a request took: as the upstream says, else the prompt as we count it."""
    outcome, usage = exchange.outcome, exchange.usage
    ours = outcome.tokens_forwarded if outcome else None
    return (usage.prompt_tokens if usage else ours or 0) + exchange.answered
