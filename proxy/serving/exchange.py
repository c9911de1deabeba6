"""One request on its way: decided, sent, and decided once more where the upstream finds it too long."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from time import perf_counter

from msgspec import structs

from foveate.proxy.callers.caller import ANYBODY, Caller
from foveate.proxy.formats.wire.usage import Usage, answer_tokens
from foveate.proxy.http import headers, refusals
from foveate.proxy.http.body import Body, HungUp
from foveate.proxy.http.headers import VERSION, Headers, value_of
from foveate.proxy.http.overrides import Overrides
from foveate.proxy.http.strangers import refuses_reasoning
from foveate.proxy.observers.recent import Recent
from foveate.proxy.observers.report import report
from foveate.proxy.pruning.outcome import Ledger, Outcome
from foveate.proxy.pruning.pruner import RequestPruner
from foveate.proxy.pruning.request import Decision, Request
from foveate.proxy.serving.relay import Relay, Scope, Send
from foveate.proxy.serving.router import Route
from foveate.proxy.upstreams import Upstream, UpstreamRequest, UpstreamResponse

CREDENTIALS = (b"authorization", b"api-key", b"x-api-key", b"openai-organization", b"openai-project")

ENCODING = b"content-encoding"
MODEST = 1000  # tokens: no model finds fewer too many, and their answers are not looked into
LONG = 0.002  # seconds of deciding in which a caller may well have gone


class Exchange:
    """A request that may be pruned, and its answer."""

    def __init__(
        self, route: Route, upstream: Upstream, pruner: RequestPruner, scope: Scope, send: Send
    ) -> None:
        self._start = perf_counter()
        assert route.format is not None
        self._format = route.format
        self._model = route.model
        self._settling = Settling(upstream, pruner)
        self._pruner = pruner
        self._scope = scope
        self._send = send
        self._caller = ANYBODY
        self._came = b""  # the body as it came, which may be compressed
        self.request: Request | None = None
        self.outcome: Outcome | None = None
        self.ledger: Ledger | None = None
        # Milliseconds from the request's arrival to the answer's head
        self.first_byte: float | None = None
        self.usage: Usage | None = None
        self.answered = 0  # tokens of the answer, as far as the upstream tells

    def let_in(self, caller: Caller, scope: Scope) -> None:
        """Go on as the request of `caller`, in a scope that no longer holds the key."""
        self._caller, self._scope = caller, scope

    def elapsed(self) -> float:
        """Return milliseconds since the request came."""
        return (perf_counter() - self._start) * 1000

    def report(self, waited: float = 0.0) -> Headers:
        """Return the response headers that tell what was done, and how many milliseconds the upstream
        took.

        Asked for once, when the answer begins.
        """
        self.first_byte = self.elapsed()
        if self.request:
            self.request.trace.stage = "answer"
        return report(self.outcome, waited) if self.outcome else []

    async def run(self, body: Body, asked: Overrides, recent: Recent, header: bytes = b"") -> int:
        """Answer the request and return the status; `header` names the one that tells callers apart
        beside their keys.
        """
        self._came = await body.read()
        content = await body.inflated(self._came)
        self._caller.require_model(content, self._model)
        credentials = credentials_of(self._scope["headers"])
        named = value_of(self._scope["headers"], header) if header else b""
        whose = tenant(credentials, named, self._caller.name)
        self.request = Request(self._format, content, asked, whose, credentials, self._model)
        recent.begun(self.request)
        try:
            return await self._forwarded(body, self.request)
        finally:
            recent.ended(self.request)

    async def _forwarded(self, body: Body, request: Request) -> int:
        start = perf_counter()
        decision = await self._pruner.decide(request)
        if perf_counter() - start > LONG and await body.is_gone():
            raise HungUp
        request.trace.stage = "upstream"
        self._told(decision)

        async def retry(status: int, answer: bytes) -> UpstreamRequest | None:
            refusal = refusals.read_refusal(status, answer, request.body)
            if refusal:
                again = await self._pruner.decide_again(request, decision.outcome, refusal)
            elif refuses_reasoning(status, answer):
                again = await self._pruner.decide_without_reasoning(request, decision.outcome)
            else:
                again = None
            if again is None:
                return None
            self._told(again)
            return self._onward(request, again)

        relay = Relay(self._settling, body, self._send, self.report, retry)
        relay.looks = (decision.outcome.tokens_after or 0) >= MODEST
        status = await relay.run(self._onward(request, decision))
        if relay.ends and status == HTTPStatus.OK:
            head, tail = relay.ends.read()
            self.usage = self._format.usage(head, tail)
            self.answered = answer_tokens(tail)
        return status

    def _onward(self, request: Request, decision: Decision) -> UpstreamRequest:
        """Return what goes upstream: the caller's own bytes where nothing changed, else plain ones."""
        if decision.body == request.body:
            return upstream_request(self._scope, self._came)
        plain = [pair for pair in self._scope["headers"] if pair[0] != ENCODING]
        return upstream_request({**self._scope, "headers": plain}, decision.body)

    def _told(self, decision: Decision) -> None:
        self.outcome = structs.replace(decision.outcome, caller=self._caller.name)
        self.ledger = decision.ledger


class Settling:
    """An upstream whose answers wait until what was decided is where other workers look: whoever has an
    answer may go on with any of them.
    """

    def __init__(self, upstream: Upstream, pruner: RequestPruner) -> None:
        self._upstream = upstream
        self._pruner = pruner
        self.aclose = upstream.aclose

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Return the upstream's answer."""
        response = await self._upstream.send(request)
        await self._pruner.settled()
        return response


def no_report(waited: float) -> Headers:
    """Return no headers of our own, for what is relayed untouched."""
    return []


def relayed_report(waited: float) -> Headers:
    """Return the header of what might have been pruned and was not looked into."""
    return [(b"x-pruning-result", b"relayed")]


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


def credentials_of(given: Headers) -> Headers:
    """Return the headers that say who the caller is, and the one without which Anthropic answers nobody."""
    return [(name, value) for name, value in given if name in CREDENTIALS or name == VERSION]


def tenant(credentials: Headers, named: bytes = b"", name: str = "") -> str:
    """Return a name for the caller, from a hash of the key, or the name that the settings give it, and of
    what else tells it apart: others share nothing with it.
    """
    key = b"\n".join([value for header, value in credentials if header != VERSION])
    if name:
        key = b"%s\n\n\n%s" % (key, name.encode())
    if named:
        key += b"\n\n" + named
    return hashlib.blake2b(key, digest_size=8, person=b"foveate-tenant").hexdigest()
