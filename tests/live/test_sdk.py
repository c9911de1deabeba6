"""The official openai client, pointed at foveate, works as it does without."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest

from support.conversations import body, call, long_chat, result
from support.server import Live, serve, settings_for
from support.upstream import WAIT, Upstream, hang, reply_json, stream

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


@pytest.fixture
def client(full: Live) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{full.url}/v1", api_key=f"sk-{secrets.token_hex(8)}", max_retries=0
    ) as made:
        yield made


@pytest.fixture
async def aclient(full: Live) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{full.url}/v1", api_key=f"sk-{secrets.token_hex(8)}", max_retries=0
    ) as made:
        yield made


def test_a_completion(client: openai.OpenAI, upstream: Upstream) -> None:
    made = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert made.choices[0].message.content == "Hello there."
    assert upstream.last.messages == [{"role": "user", "content": "hi"}]


def test_a_long_chat_is_cut_and_the_headers_say_so(client: openai.OpenAI, upstream: Upstream) -> None:
    messages: Any = long_chat()
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=messages, extra_headers={"X-Pruning-Budget": "600"}
    )
    assert raw.headers["x-pruning-result"] == "cut"
    assert raw.parse().choices[0].message.content == "Hello there."
    assert len(upstream.last.messages) < len(messages)


def test_a_stream(client: openai.OpenAI, upstream: Upstream) -> None:
    messages: Any = long_chat()
    events = client.chat.completions.create(
        model="gpt-4o", messages=messages, stream=True, extra_headers={"X-Pruning-Budget": "600"}
    )
    said = "".join(e.choices[0].delta.content or "" for e in events)
    assert said == "Hello there."
    assert events.response.headers["x-pruning-result"] == "cut"


async def test_an_async_completion(aclient: openai.AsyncOpenAI) -> None:
    made = await aclient.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "hi"}]
    )
    assert made.choices[0].message.content == "Hello there."


async def test_an_async_stream(aclient: openai.AsyncOpenAI) -> None:
    messages: Any = long_chat()
    events = await aclient.chat.completions.create(
        model="gpt-4o", messages=messages, stream=True, extra_headers={"X-Pruning-Budget": "600"}
    )
    assert "".join([e.choices[0].delta.content or "" async for e in events]) == "Hello there."


async def test_an_async_caller_who_leaves_a_stream_closes_the_upstream(
    aclient: openai.AsyncOpenAI, upstream: Upstream
) -> None:
    event = (
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\n'
    )
    upstream.script = hang(after=[event])
    events = await aclient.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True
    )
    async for _ in events:
        break
    await events.close()
    assert upstream.hung_up.wait(WAIT)


def test_tools(client: openai.OpenAI, upstream: Upstream) -> None:
    messages: list[Any] = [
        *long_chat()[:-1],
        {"role": "user", "content": "What is the weather in Oslo?"},
    ]
    headers = {"X-Pruning-Budget": "600"}
    made = client.chat.completions.create(
        model="gpt-4o", messages=messages, tools=TOOLS, extra_headers=headers
    )
    asked = made.choices[0].message
    assert asked.tool_calls
    messages += [asked.model_dump(exclude_none=True), result(asked.tool_calls[0].id, "rain")]
    client.chat.completions.create(
        model="gpt-4o", messages=messages, tools=TOOLS, extra_headers=headers
    )
    sent = upstream.last.messages
    assert [m["role"] for m in sent[-3:]] == ["user", "assistant", "tool"]
    assert sent[-2]["tool_calls"][0]["id"] == sent[-1]["tool_call_id"]
    assert upstream.last.json["tools"] == TOOLS


def test_an_error_of_the_upstream_is_the_clients_own_kind(
    client: openai.OpenAI, upstream: Upstream
) -> None:
    upstream.script = reply_json(
        {"error": {"message": "slow down", "type": "tokens", "param": None, "code": "rate"}}, 429
    )
    with pytest.raises(openai.RateLimitError, match="slow down") as caught:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert caught.value.code == "rate"


def test_a_bad_pruning_header_is_a_bad_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="X-Pruning-Budget") as caught:
        client.chat.completions.create(
            model="gpt-4o", messages=[], extra_headers={"X-Pruning-Budget": "lots"}
        )
    assert caught.value.code == "invalid_pruning_header"


def test_a_stream_that_breaks_off_is_an_error_for_the_client(
    client: openai.OpenAI, upstream: Upstream
) -> None:
    upstream.script = stream([b'data: {"choices":[]}\n\n'], break_off=True)
    events = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True
    )
    with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection"):
        list(events)


def test_other_endpoints(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.script = reply_json(
        {"object": "list", "data": [{"id": "gpt-4o", "object": "model", "created": 1, "owned_by": "o"}]}
    )
    assert [m.id for m in client.models.list()] == ["gpt-4o"]
    upstream.script = reply_json(
        {
            "object": "list",
            "model": "e",
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
        },
    )
    made = client.embeddings.create(model="e", input="hi", encoding_format="float")
    assert made.data[0].embedding == [0.5, 0.25]
    upstream.script = reply_json(
        {
            "id": "file-1",
            "object": "file",
            "bytes": 3,
            "created_at": 1,
            "filename": "a",
            "purpose": "x",
            "status": "processed",
        }
    )
    assert client.files.create(file=b"abc", purpose="batch").id == "file-1"
    assert b"abc" in upstream.last.body


@pytest.fixture(scope="module")
def echo() -> Iterator[openai.OpenAI]:
    settings = settings_for("http://127.0.0.1:1", upstream={"type": "echo"})
    with (
        serve(settings) as live,
        openai.OpenAI(base_url=f"{live.url}/v1", api_key="none", max_retries=0) as made,
    ):
        yield made


def test_the_echo_upstream_answers_without_a_key(echo: openai.OpenAI) -> None:
    messages: Any = long_chat()
    made = echo.chat.completions.create(model="gpt-4o", messages=messages)
    assert f"{len(messages)} messages" in (made.choices[0].message.content or "")
    assert made.usage
    assert made.usage.prompt_tokens > 500


def test_the_echo_upstream_streams(echo: openai.OpenAI) -> None:
    messages: Any = [*long_chat(), call("c1"), result("c1"), {"role": "user", "content": "Bye"}]
    whole = echo.chat.completions.create(model="gpt-4o", messages=messages).choices[0].message.content
    events = list(
        echo.chat.completions.create(
            model="gpt-4o", messages=messages, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(e.choices[0].delta.content or "" for e in events if e.choices) == whole
    assert events[-1].usage
    assert events[-1].usage.prompt_tokens > 0
    finished = [e.choices[0].finish_reason for e in events if e.choices]
    assert finished[-1] == "stop"


def test_the_echo_upstream_reports_what_pruning_left(echo: openai.OpenAI) -> None:
    messages: Any = long_chat()
    made = echo.chat.completions.create(
        model="gpt-4o", messages=messages, extra_headers={"X-Pruning-Budget": "500"}
    )
    assert made.usage
    assert made.usage.prompt_tokens <= 500


def test_the_echo_upstream_names_its_model_and_refuses_the_rest(echo: openai.OpenAI) -> None:
    assert [m.id for m in echo.models.list()] == ["echo"]
    with pytest.raises(openai.NotFoundError):
        echo.embeddings.create(model="e", input="hi")
    with pytest.raises(openai.BadRequestError):
        echo.post("/chat/completions", body=body([])["model"], cast_to=object)
