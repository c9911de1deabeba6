"""The straight line of one request."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from http import HTTPStatus
from time import perf_counter

from proxy import headers, overrides, refusals
from proxy.errors import RequestError
from proxy.outcome import Outcome
from proxy.pruner import Asked, Pruner
from proxy.recent import Recent
from proxy.relay import CLIENT_CLOSED_REQUEST, Body, HungUp, Receive, Relay, Scope, Send, refuse
from proxy.upstreams import Headers, Upstream, UpstreamRequest

_log = logging.getLogger("foveate.request")
PRUNED_PATH = "/v1/chat/completions"
CREDENTIALS = (b"authorization", b"api-key", b"x-api-key", b"openai-organization", b"openai-project")


class Handler:
    """Serves every path but our own: prunes chat completions, relays the rest untouched."""

    def __init__(
        self, upstream: Upstream, pruner: Pruner, recent: Recent, policies: frozenset[str], max_body: int
    ) -> None:
        self._upstream = upstream
        self._pruner = pruner
        self._recent = recent
        self._policies = policies
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; other kinds of connection are closed."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003, "reason": "foveate relays HTTP only"})
            return
        exchange = Exchange(self._upstream, self._pruner, scope, send)
        start = perf_counter()
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
        self._finish(scope, status, exchange.outcome, start)

    def _finish(self, scope: Scope, status: int, outcome: Outcome | None, start: float) -> None:
        took = (perf_counter() - start) * 1000
        if outcome is None:
            _log.debug("%s %s %d %.0f ms", scope["method"], scope["path"], status, took)
            return
        if outcome.usage is not None:
            self._pruner.learn(outcome, outcome.usage)
        self._recent.put(dataclasses.replace(outcome, status=status))
        _log.info(
            "%s %d %s policy=%s tokens=%s->%s prefix=%d segments=%d/%d recalled=%d %.0f ms",
            outcome.id, status, outcome.result, outcome.policy, outcome.tokens_before, outcome.tokens_after,
            outcome.tokens_prefix, outcome.kept, outcome.segments, outcome.recalled, took,
        )  # fmt: skip


class Exchange:
    """A chat completion on its way: decided, sent, and decided once more where the upstream finds it too long."""

    def __init__(self, upstream: Upstream, pruner: Pruner, scope: Scope, send: Send) -> None:
        self._upstream = upstream
        self._pruner = pruner
        self._scope = scope
        self._send = send
        self.outcome: Outcome | None = None

    def report(self, waited: float = 0.0) -> Headers:
        """Return the response headers that tell what was done, and how many milliseconds the upstream took."""
        return headers.report(self.outcome, waited) if self.outcome else []

    async def pruned(self, body: Body, asked_for: overrides.Overrides) -> int:
        """Answer the request and return the status."""
        content = await body.read()
        credentials = [(n, v) for n, v in self._scope["headers"] if n in CREDENTIALS]
        asked = Asked(content, asked_for, tenant(credentials), credentials)
        decision = await self._pruner.decide(asked)
        self.outcome = decision.outcome

        async def retry(status: int, answer: bytes) -> UpstreamRequest | None:
            refusal = refusals.read(status, answer)
            again = refusal and await self._pruner.decide_again(asked, decision.outcome, refusal)
            if not again:
                return None
            self.outcome = again.outcome
            return upstream_request(self._scope, again.body)

        relay = Relay(self._upstream, body, self._send, self.report, retry)
        status = await relay.run(upstream_request(self._scope, decision.body))
        usage = relay.tail.usage() if relay.tail and status == HTTPStatus.OK else None
        self.outcome = dataclasses.replace(self.outcome, usage=usage)
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
