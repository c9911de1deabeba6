"""The straight line of one request."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from time import perf_counter

from proxy import headers, overrides
from proxy.errors import RequestError
from proxy.outcome import Outcome
from proxy.pruner import Pruner
from proxy.recent import Recent
from proxy.relay import CLIENT_CLOSED_REQUEST, Body, HungUp, Receive, Relay, Scope, Send, refuse
from proxy.upstreams import Headers, Upstream, UpstreamRequest

_log = logging.getLogger("foveate.request")
PRUNED_PATH = "/v1/chat/completions"


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
        start = perf_counter()
        report: Headers = []
        outcome: Outcome | None = None
        try:
            body = Body(scope["headers"], receive, self._max_body)
            if scope["method"] == "POST" and scope["path"] == PRUNED_PATH:
                asked = overrides.read(scope["headers"], self._policies)
                decision = await self._pruner.decide(await body.read(), asked, tenant(scope["headers"]))
                outcome, content = decision.outcome, decision.body
                report = headers.report(outcome)
                request = upstream_request(scope, content)
            else:
                request = upstream_request(scope, body)
            status = await Relay(self._upstream, body, send, report).run(request)
        except RequestError as error:
            status = await refuse(send, error, report)
        except HungUp:
            status = CLIENT_CLOSED_REQUEST
        self._finish(scope, status, outcome, start)

    def _finish(self, scope: Scope, status: int, outcome: Outcome | None, start: float) -> None:
        took = (perf_counter() - start) * 1000
        if outcome is None:
            _log.debug("%s %s %d %.0f ms", scope["method"], scope["path"], status, took)
            return
        self._recent.put(dataclasses.replace(outcome, status=status))
        _log.info(
            "%s %d %s policy=%s tokens=%s->%s segments=%d/%d %.0f ms",
            outcome.id, status, outcome.result, outcome.policy, outcome.tokens_before, outcome.tokens_after,
            outcome.kept, outcome.segments, took,
        )  # fmt: skip


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


def tenant(request_headers: Headers) -> str:
    """Return a name for the caller, from a hash of the key: callers with different keys share nothing."""
    key = next((v for n, v in request_headers if n in (b"authorization", b"api-key", b"x-api-key")), b"")
    return hashlib.blake2b(key, digest_size=8, person=b"foveate-tenant").hexdigest()
