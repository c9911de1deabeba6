"""A built-in upstream that reports what it received, so that everything can be tried without a key."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import orjson

from foveate.proxy.formats.chat.counting import PRIMING, message_tokens
from foveate.proxy.formats.tokens import TokenCounter, encoding_name
from foveate.proxy.http.headers import Headers
from foveate.proxy.upstreams import UpstreamRequest, UpstreamResponse

JSON: Headers = [(b"content-type", b"application/json")]
EVENTS: Headers = [(b"content-type", b"text/event-stream; charset=utf-8")]


class Echo:
    """Answers chat completions in OpenAI's shapes with a report of the request."""

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Return the report; 404 for what is neither a chat completion nor the list of models."""
        path = request.path.partition("?")[0]
        if request.method == "GET" and path == "/v1/models":
            model = {"id": "echo", "object": "model", "created": 0, "owned_by": "foveate"}
            return answer(200, {"object": "list", "data": [model]})
        if request.method != "POST" or path != "/v1/chat/completions":
            message = (
                f"the echo upstream serves POST /v1/chat/completions and GET /v1/models, not {request.method} {path}"
            )
            return refusal(404, message)
        content = request.body if isinstance(request.body, bytes) else b"".join([c async for c in request.body])
        try:
            body = orjson.loads(content)
            messages = body["messages"]
            roles = Counter(message["role"] for message in messages)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return refusal(400, "the body is not a chat completion: a JSON object with a list of messages")
        return complete(body, messages, roles)

    async def aclose(self) -> None:
        """Do nothing."""


def complete(body: dict[str, Any], messages: list[dict[str, Any]], roles: Counter[str]) -> UpstreamResponse:
    """Return the chat completion, or its events where a stream was asked for."""
    model = str(body.get("model", "echo"))
    counter = TokenCounter(encoding_name(model))
    prompt = PRIMING + sum(message_tokens(m, counter) for m in messages)
    said = ", ".join(f"{n} {role}" for role, n in roles.items())
    last = next((m.get("content") for m in reversed(messages) if m["role"] == "user"), None)
    report = f"echo received {len(messages)} messages ({said}), {prompt} tokens."
    if isinstance(last, str):
        report += f" The latest user turn ends: {last[-200:]}"
    length = counter.text(report)
    usage = {"prompt_tokens": prompt, "completion_tokens": length, "total_tokens": prompt + length}
    head = {"id": "chatcmpl-echo", "created": int(time.time()), "model": model}
    if body.get("stream"):
        options = body.get("stream_options")
        wanted = isinstance(options, dict) and options.get("include_usage")
        return UpstreamResponse(200, EVENTS, events(head, report, usage if wanted else None))
    choice = {"index": 0, "message": {"role": "assistant", "content": report}, "finish_reason": "stop"}
    return answer(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})


async def events(head: dict[str, Any], report: str, usage: dict[str, int] | None) -> AsyncIterator[bytes]:
    """Yield the report word by word as chat.completion.chunk events."""
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": word}, None) for word in report.split(" ")[:1]]
    deltas += [({"content": f" {word}"}, None) for word in report.split(" ")[1:]]
    for delta, reason in [*deltas, ({}, "stop")]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        yield event({**head, "object": "chat.completion.chunk", "choices": [choice]})
        await asyncio.sleep(0)
    if usage:
        yield event({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def event(value: dict[str, Any]) -> bytes:
    """Return one server-sent event."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


def refusal(status: int, message: str) -> UpstreamResponse:
    """Return an error in OpenAI's shape."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return answer(status, {"error": error})


def answer(status: int, value: dict[str, Any]) -> UpstreamResponse:
    """Return a JSON answer."""
    return UpstreamResponse(status, JSON, once(orjson.dumps(value)))


async def once(content: bytes) -> AsyncIterator[bytes]:
    """Yield `content`."""
    yield content
