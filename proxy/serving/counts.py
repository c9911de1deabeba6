"""A caller's question how many tokens a prompt has: the upstream answers what the caller sends."""

from __future__ import annotations

from foveate.proxy.formats import Format
from foveate.proxy.http.body import Body
from foveate.proxy.serving.exchange import upstream_request
from foveate.proxy.serving.relay import Relay, Report, Scope, Send
from foveate.proxy.upstreams import Upstream, UpstreamRequest


async def count(
    wire: Format, upstream: Upstream, scope: Scope, body: Body, send: Send, report: Report
) -> int:
    """Relay the question and return the answer's status.

    An upstream that refuses reasoning which was made under pruned prompts is asked once more without
    it.
    """
    content = await body.read()

    async def retry(status: int, answer: bytes) -> UpstreamRequest | None:
        again = wire.recount(content, answer)
        return upstream_request(scope, again) if again else None

    return await Relay(upstream, body, send, report, retry).run(upstream_request(scope, content))
