"""OpenTelemetry spans in the words of the GenAI conventions, sent to a collector on a real socket."""

from __future__ import annotations

import json

import pytest

from foveate.proxy import services
from foveate.proxy.config.loading import wants_traces
from foveate.proxy.config.schema import Index, Settings
from foveate.proxy.formats.wire.usage import Usage
from foveate.proxy.pruning.outcome import Outcome
from support.client import ask, chat
from support.console import serve_pages
from support.conversations import body, long_chat
from support.server import settings_for
from support.upstream import Upstream, completion, reply, reply_json

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the otel extra is not installed")
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from foveate.proxy.observers.tracing import Tracer


def outcome(**given: object) -> Outcome:
    return Outcome(
        **{"id": "prn-1", "created": 0, "policy": "p", "result": "cut", "model": "gpt-4o", **given}
    )  # type: ignore[arg-type]


def test_a_span_carries_the_conventions_names() -> None:
    exporter = InMemorySpanExporter()
    tracer = Tracer(SimpleSpanProcessor(exporter))
    tracer.observe(
        outcome(status=200, took=250.0, usage=Usage(900, 128), tokens_before=5000, tokens_after=1000)
    )
    tracer.observe(outcome(status=502))
    good, bad = exporter.get_finished_spans()
    assert good.name == "chat gpt-4o"
    given = dict(good.attributes or {})
    assert given["gen_ai.operation.name"] == "chat"
    assert given["gen_ai.request.model"] == "gpt-4o"
    assert given["gen_ai.usage.input_tokens"] == 900
    assert given["foveate.tokens.before"] == 5000
    assert good.start_time is not None
    assert good.end_time is not None
    assert good.end_time - good.start_time == pytest.approx(250e6, rel=0.01)
    assert dict(bad.attributes or {})["error.type"] == "502"


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (
            {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
            False,
        ),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, False),
    ],
)
def test_the_standard_variables_ask_for_traces(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], wanted: bool
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_traces() is wanted
    assert len(services.build(Settings(index=Index(type="in_memory"))).parts.observers) == 2 + wanted


def test_a_request_arrives_at_the_collector(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", upstream.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")

    async def script(request: object, content: bytes) -> object:
        answer = (
            reply(200) if getattr(request, "path", "") == "/v1/traces" else reply_json(completion("Hi"))
        )
        return await answer(request, content)  # type: ignore[arg-type]

    upstream.script = script  # type: ignore[assignment]
    with serve_pages(settings_for(upstream.url)) as live:
        key = chat(live.url, body(long_chat(2))).header("x-pruning-id") or "none"
        ask(live.url, "GET", "/-/healthy")
        for _ in range(400):
            sent = [r.body for r in upstream.received if r.target == "/v1/traces"]
            if sent:
                break
            ask(live.url, "GET", "/-/healthy")
    assert sent
    for word in (b"gen_ai.operation.name", b"foveate", b"deployment.environment", key.encode()):
        assert word in sent[0]
    assert json.dumps(long_chat(2)[1]["content"])[1:20].encode() not in sent[0]
