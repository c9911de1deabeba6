"""OpenTelemetry: a span a request, in the words of the GenAI semantic conventions; set up by the OTEL_
variables.
"""

from __future__ import annotations

import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from foveate.proxy.pruning.outcome import Outcome


class Tracer:
    """Hands finished requests to the OTLP exporter over HTTP, which sends them from a thread of its
    own.
    """

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        resource = Resource.create({SERVICE_NAME: "foveate"}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("foveate")

    def observe(self, outcome: Outcome) -> None:
        """Record a finished request."""
        end = time.time_ns()
        span = self._tracer.start_span(
            f"chat {outcome.model}".strip(),
            kind=SpanKind.SERVER,
            start_time=end - int(outcome.took * 1e6),
            attributes=attributes(outcome),
        )
        if outcome.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


def attributes(outcome: Outcome) -> dict[str, AttributeValue]:
    """Return what a span says of a request: the conventions' names where there is one, ours under
    `foveate.`.
    """
    found: dict[str, AttributeValue | None] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": outcome.model or None,
        "gen_ai.usage.input_tokens": outcome.usage.prompt_tokens if outcome.usage else None,
        "gen_ai.usage.cache_read.input_tokens": outcome.usage.cached_tokens if outcome.usage else None,
        "http.response.status_code": outcome.status,
        "error.type": str(outcome.status) if outcome.status >= 500 else None,
        "foveate.id": outcome.id,
        "foveate.result": outcome.result,
        "foveate.policy": outcome.policy,
        "foveate.api": outcome.api or None,
        "foveate.tokens.before": outcome.tokens_before,
        "foveate.tokens.after": outcome.tokens_forwarded,
        "foveate.tokens.prefix": outcome.tokens_prefix,
        "foveate.segments.dropped": outcome.dropped,
        "foveate.segments.recalled": outcome.recalled,
        "foveate.failure": outcome.failure or None,
        "foveate.first_byte_ms": outcome.first_byte,
        **{f"foveate.stage.{stage}_ms": ms for stage, ms in outcome.milliseconds.items()},
    }
    return {name: value for name, value in found.items() if value is not None}
