"""An upstream that says OK and then that a prompt is too long: as good as a refusal while no word was sent."""

from __future__ import annotations

import gzip
import json
import secrets
from typing import Any

import httpx
import openai
import pytest
from aiohttp import web

from support.client import Answer, ask
from support.conversations import body, long_chat
from support.server import Live
from support.upstream import Gate, Script, Upstream, answer_chat, chat_events, reply, stream

LONG_ANSWER = "This model's maximum context length is 100000 tokens. However, your messages resulted in {} tokens."
ERROR = {
    "message": LONG_ANSWER.format(103000),
    "type": "invalid_request_error",
    "code": "context_length_exceeded",
}


def event(value: Any, name: str = "") -> bytes:
    """One event of a stream."""
    return (b"event: " + name.encode() + b"\n" if name else b"") + b"data: %b\n\n" % json.dumps(
        value
    ).encode()


def chunk(delta: dict[str, Any], **more: Any) -> bytes:
    """A piece of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return event({"object": "chat.completion.chunk", "choices": [choice], **more})


RESPONSE = {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}
ANTHROPIC = {
    "type": "error",
    "error": {"type": "invalid_request_error", "message": "prompt is too long: 103000 tokens > 100000 maximum"},
}  # fmt: skip
STREAMS: dict[str, tuple[str, list[bytes]]] = {
    "an error": ("/v1/chat/completions", [event({"error": ERROR})]),
    "an error in pieces": (
        "/v1/chat/completions",
        [event({"error": ERROR})[:40], event({"error": ERROR})[40:]],
    ),
    "an error behind comments": (
        "/v1/chat/completions",
        [b": PROCESSING\n\n", b": PROCESSING\n\n", event({"error": ERROR}), b"data: [DONE]\n\n"],
    ),
    "an error behind a role": (
        "/v1/chat/completions",
        [chunk({"role": "assistant", "content": ""}), event({"error": ERROR})],
    ),
    "an error in a last chunk": (
        "/v1/chat/completions",
        [event({"id": "1", "choices": [{"delta": {"content": ""}, "finish_reason": "error"}], "error": ERROR})],
    ),
    "line ends of two characters": (
        "/v1/chat/completions",
        [event({"error": ERROR}).replace(b"\n", b"\r\n")],
    ),
    "an error that is no object of its own": (
        "/v1/chat/completions",
        [event({"object": "error", "message": LONG_ANSWER.format(103000), "code": 400})],
    ),
    "a detail": ("/v1/chat/completions", [event({"detail": LONG_ANSWER.format(103000)})]),
    "an event's name without a blank": (
        "/v1/chat/completions",
        [b"event:error\n:HTTP_STATUS/400\n" + event({"msg": LONG_ANSWER.format(103000)}).replace(b"data: ", b"data:")],
    ),
    "no events at all": ("/v1/chat/completions", [json.dumps({"error": ERROR}).encode()]),
    "anthropic": ("/v1/messages", [event(ANTHROPIC, "error")]),
    "anthropic, begun": (
        "/v1/messages",
        [
            event({"type": "message_start", "message": {"content": []}}, "message_start"),
            event({"type": "ping"}, "ping"),
            event(ANTHROPIC, "error"),
        ],
    ),
    "responses": ("/v1/responses", [event({"type": "error", **ERROR}, "error")]),
    "responses, begun": (
        "/v1/responses",
        [
            event({"type": "response.created", "response": RESPONSE}),
            event({"type": "response.in_progress", "response": RESPONSE}),
            event(
                {"type": "response.failed", "response": {**RESPONSE, "status": "failed", "error": ERROR}}
            ),
        ],
    ),
}  # fmt: skip


def first(refusal: Script) -> tuple[Script, list[int]]:
    """An upstream that answers the first prompt so, and takes the next; and the sizes of what came."""
    came: list[int] = []

    async def script(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
        if request.method != "POST":
            return await answer_chat(request, content)
        came.append(len(content))
        if len(came) > 1:
            return web.json_response({"fine": True})
        return await refusal(request, content)

    return script, came


def asked(url: str, path: str, streamed: bool = True) -> Answer:
    """The answer to a caller of its own, who has learned nothing yet."""
    key = [("Authorization", f"Bearer {secrets.token_hex(4)}")]
    return ask(url, "POST", path, sent(path, streamed), key)


def sent(path: str, streamed: bool = True) -> bytes:
    """A request of that path with a history that can be cut."""
    given = body(long_chat(25), stream=streamed)
    if path == "/v1/messages":
        given["messages"] = given["messages"][1:]
        given["max_tokens"] = 10
    if path == "/v1/responses":
        given["input"] = given.pop("messages")
    return json.dumps(given).encode()


@pytest.mark.parametrize(("path", "chunks"), STREAMS.values(), ids=STREAMS)
def test_an_error_ahead_of_any_word_has_the_prompt_cut_deeper(
    quick: Live, upstream: Upstream, path: str, chunks: list[bytes]
) -> None:
    upstream.script, came = first(stream(chunks))
    answer = asked(quick.url, path)
    assert answer.json == {"fine": True}
    assert answer.result == "cut"
    assert len(came) == 2
    assert came[1] < came[0]


def test_the_sdk_gets_its_stream_where_the_first_one_began_with_an_error(
    quick: Live, upstream: Upstream
) -> None:
    refused: list[bytes] = []

    async def script(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
        if request.path.endswith("/chat/completions") and not refused:
            refused.append(content)
            return await stream([event({"error": ERROR})])(request, content)
        return await answer_chat(request, content)

    upstream.script = script
    messages: Any = long_chat(25)
    with openai.OpenAI(base_url=f"{quick.url}/v1", api_key="sk-1", max_retries=0) as client:
        made: Any = client.chat.completions.create(model="gpt-4o", messages=messages, stream=True)
        words = [c.choices[0].delta.content or "" for c in made]
    assert "".join(words) == "Hello there."
    assert refused


SPOKEN: dict[str, list[bytes]] = {
    "another error": [event({"error": {"message": "Overloaded", "type": "overloaded_error"}})],
    "an error behind words": [chunk({"content": "Well"}), event({"error": ERROR})],
    "words beside a remark": [chunk({"content": "Well"}, message=LONG_ANSWER.format(103000))],
    "a call": [chunk({"tool_calls": [{"index": 0}]}), event({"error": ERROR})],
    "words that tell of one": [chunk({"content": "prompt is too long: 9 tokens > 8 maximum"})],
    "nothing": [],
    "no event": [b"hello"],
    "nonsense": [b"data: {\n\n", event({"error": ERROR})],
}


@pytest.mark.parametrize("chunks", SPOKEN.values(), ids=SPOKEN)
def test_any_other_stream_is_relayed_as_it_is(
    quick: Live, upstream: Upstream, chunks: list[bytes]
) -> None:
    upstream.script, came = first(stream(chunks))
    path = "/v1/chat/completions"
    answer = asked(quick.url, path)
    assert answer.body == b"".join(chunks)
    assert len(came) == 1


def test_a_beginning_that_breaks_off_is_relayed_and_breaks_off(quick: Live, upstream: Upstream) -> None:
    events = chat_events(["Hello"])[:1]
    upstream.script = stream(events, break_off=True)
    messages: Any = long_chat(25)
    with openai.OpenAI(base_url=f"{quick.url}/v1", api_key="sk-1", max_retries=0) as client:
        made: Any = client.chat.completions.create(model="gpt-4o", messages=messages, stream=True)
        with pytest.raises((openai.APIError, httpx.HTTPError)):
            list(made)


def test_a_beginning_is_not_held_back_for_long(quick: Live, upstream: Upstream) -> None:
    gate = Gate()
    events = [b": wait\n\n", *chat_events(["Hello"])]
    messages: Any = long_chat(25)
    upstream.script = stream(events, {1: gate})
    with openai.OpenAI(base_url=f"{quick.url}/v1", api_key="sk-1", max_retries=0) as client:
        raw = client.chat.completions.with_streaming_response.create(
            model="gpt-4o", messages=messages, stream=True
        )
        with raw as response:
            pieces = response.iter_bytes()
            assert next(pieces) == events[0]
            gate.open()
            assert b"".join(pieces) == b"".join(events[1:])


@pytest.mark.parametrize("how", ["long", "chunked", "padded", "packed"])
def test_an_error_in_an_answer_that_says_ok_has_the_prompt_cut_deeper(
    quick: Live, upstream: Upstream, how: str
) -> None:
    error = json.dumps({"id": "resp_1", "object": "response", "status": "failed", "error": ERROR})
    headers = [("Content-Type", "application/json")]
    refusal = reply(200, error.encode(), headers)
    if how == "packed":
        refusal = reply(200, gzip.compress(error.encode()), [*headers, ("Content-Encoding", "gzip")])
    if how in ("chunked", "padded"):
        chunks = [b"\n   \n", error[:30].encode(), error[30:].encode()]

        async def refusal(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            for piece in chunks[how == "chunked" :]:
                await response.write(piece)
            await response.write_eof()
            return response

    upstream.script, came = first(refusal)
    path = "/v1/responses"
    assert asked(quick.url, path, streamed=False).json == {"fine": True}
    assert len(came) == 2
