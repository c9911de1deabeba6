"""The litellm upstream: against litellm's own mock responses, and through its providers against a live server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from foveate.proxy.errors import UpstreamError
from foveate.proxy.http.headers import Headers
from foveate.proxy.upstreams import UpstreamRequest, UpstreamResponse
from foveate.proxy.upstreams.litellm import LiteLLM

HELLO = [{"role": "user", "content": "hello"}]
ASK = {"model": "openai/gpt-4o", "messages": HELLO}
KEY = "sk-caller-0123456789abcdef"
BEARER: Headers = [(b"authorization", f"Bearer {KEY}".encode())]
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
}
TOOLS = [
    {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
    }
]
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
}

strangers: list[object] = []
LOOPBACK = ("127.0.0.1", "::1", "localhost", b"localhost", b"127.0.0.1", None)


def note_strangers(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(args[1], tuple) and args[1][0] not in LOOPBACK:
        strangers.append(args[1])
    if event == "socket.getaddrinfo" and args[0] not in LOOPBACK:
        strangers.append(args[0])


sys.addaudithook(note_strangers)


@pytest.fixture(autouse=True)
def nothing_but_loopback() -> Iterator[None]:
    strangers.clear()
    yield
    assert strangers == []


@pytest.fixture(autouse=True)
def no_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)


def request(
    body: object, headers: Headers = BEARER, method: str = "POST", path: str = "/v1/chat/completions"
) -> UpstreamRequest:
    return UpstreamRequest(
        method, path, headers, body if isinstance(body, bytes) else orjson.dumps(body)
    )


async def ask(
    upstream: LiteLLM, body: object, headers: Headers = BEARER
) -> tuple[UpstreamResponse, bytes]:
    response = await upstream.send(request(body, headers))
    content = b"".join([piece async for piece in response.body])
    await response.aclose()
    return response, content


def error_of(content: bytes) -> dict[str, Any]:
    error: dict[str, Any] = orjson.loads(content)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def data_of(content: bytes) -> list[bytes]:
    events = content.split(b"\n\n")
    assert events.pop() == b""
    assert all(event.startswith(b"data: ") for event in events)
    return [event.removeprefix(b"data: ") for event in events]


def chunks_of(content: bytes) -> list[ChatCompletionChunk]:
    *chunks, end = data_of(content)
    assert end == b"[DONE]"
    return [ChatCompletionChunk.model_validate_json(chunk) for chunk in chunks]


class Server:
    """A live provider: answers as its `answer` does, and keeps what it received."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self.arrived = asyncio.Event()
        self.hung_up = asyncio.Event()
        self.go_on = asyncio.Event()
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = self.complete

    async def receive(self, incoming: web.Request) -> web.StreamResponse:
        self.bodies.append(orjson.loads(await incoming.read()))
        self.headers.append({name.lower(): value for name, value in incoming.headers.items()})
        self.arrived.set()
        try:
            return await self.answer(incoming)
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up.set()
            raise

    async def complete(self, incoming: web.Request) -> web.StreamResponse:
        return web.json_response(COMPLETION)

    def refuse(
        self, status: int, error: Mapping[str, object], headers: dict[str, str] | None = None
    ) -> None:
        async def answer(incoming: web.Request) -> web.StreamResponse:
            return web.json_response({"error": error}, status=status, headers=headers)

        self.answer = answer

    async def hang(self, incoming: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.json_response(COMPLETION)

    async def stream(self, incoming: web.Request) -> web.StreamResponse:
        """One word, and the rest once the test says so."""
        response = await begin(incoming)
        await response.write(chunk({"role": "assistant", "content": "one"}))
        await self.go_on.wait()
        await response.write(chunk({"content": " two"}))
        await response.write(chunk({}, "stop"))
        if self.bodies[-1].get("stream_options", {}).get("include_usage"):
            usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
            await response.write(sse({**head(), "choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        return response

    async def break_off(self, incoming: web.Request) -> web.StreamResponse:
        response = await begin(incoming)
        await response.write(chunk({"role": "assistant", "content": "one"}))
        await self.go_on.wait()
        assert incoming.transport is not None
        incoming.transport.close()
        return response


async def begin(incoming: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(incoming)
    return response


def head() -> dict[str, object]:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}


def chunk(delta: dict[str, object], finish: str | None = None) -> bytes:
    return sse({**head(), "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def sse(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_post("/{path:.*}", server.receive)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/v1"
    yield server
    await runner.cleanup()


@pytest.fixture
async def live(server: Server) -> AsyncIterator[LiteLLM]:
    upstream = LiteLLM(api_base=server.url, read_timeout=20)
    yield upstream
    await upstream.aclose()


def test_litellm_is_not_imported_before_it_is_used() -> None:
    code = "import sys, foveate.proxy.upstreams.litellm as m; m.LiteLLM(); sys.exit('litellm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_mock_response_comes_as_a_chat_completion() -> None:
    response, content = await ask(LiteLLM(defaults={"mock_response": "well met"}), ASK)
    assert response.status == 200
    assert dict(response.headers)[b"content-type"] == b"application/json"
    completion = ChatCompletion.model_validate_json(content)
    assert completion.object == "chat.completion"
    assert completion.choices[0].message.content == "well met"
    assert completion.usage is not None
    assert completion.usage.total_tokens > 0


async def test_a_mock_stream_comes_as_events() -> None:
    response, content = await ask(
        LiteLLM(defaults={"mock_response": "well met"}), {**ASK, "stream": True}
    )
    assert response.status == 200
    assert dict(response.headers)[b"content-type"].startswith(b"text/event-stream")
    chunks = chunks_of(content)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "well met"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(c.usage is None for c in chunks)
    assert {c.object for c in chunks} == {"chat.completion.chunk"}


async def test_usage_is_streamed_when_asked_for() -> None:
    body = {**ASK, "stream": True, "stream_options": {"include_usage": True}}
    _, content = await ask(LiteLLM(defaults={"mock_response": "well met"}), body)
    last = chunks_of(content)[-1]
    assert last.choices == []
    assert last.usage is not None


@pytest.mark.parametrize(
    "model",
    ["cohere_chat/command-r-plus", "anthropic/claude-2", "groq/llama3-70b-8192", "replicate/meta/x"],
)
async def test_counting_tokens_of_any_model_downloads_nothing(model: str) -> None:
    body = {
        "model": model,
        "messages": HELLO,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    response, content = await ask(LiteLLM(defaults={"mock_response": "well met"}), body)
    assert response.status == 200
    assert chunks_of(content)[-1].usage is not None


async def test_a_mock_tool_call_keeps_its_shape() -> None:
    response, content = await ask(
        LiteLLM(defaults={"mock_tool_calls": [TOOL_CALL]}), {**ASK, "tools": TOOLS}
    )
    assert response.status == 200
    call = orjson.loads(content)["choices"][0]["message"]["tool_calls"][0]
    assert {"id": call["id"], "type": call["type"], "function": call["function"]} == TOOL_CALL


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("mock", "status", "code"),
    [
        ("litellm.RateLimitError", 429, "rate_limit_exceeded"),
        ("litellm.ContextWindowExceededError", 400, "context_length_exceeded"),
        ("litellm.InternalServerError", 500, None),
    ],
)
async def test_a_mock_exception_keeps_its_status(
    mock: str, status: int, code: str | None, stream: bool
) -> None:
    response, content = await ask(LiteLLM(defaults={"mock_response": mock}), {**ASK, "stream": stream})
    assert response.status == status
    assert error_of(content)["code"] == code
    assert "this is a mock" in error_of(content)["message"]


async def test_an_error_on_the_first_chunk_of_a_mock_stream_keeps_its_status() -> None:
    upstream = LiteLLM(defaults={"mock_response": "Exception: mock_streaming_error"})
    response, content = await ask(upstream, {**ASK, "stream": True})
    assert response.status == 529
    assert "mid-stream" in error_of(content)["message"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{not json", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ([1, 2], "list"),
        ({"messages": HELLO}, "model"),
        ({"model": 5, "messages": HELLO}, "model"),
        ({"model": "", "messages": HELLO}, "model"),
        ({"model": "openai/gpt-4o"}, "messages"),
        ({"model": "openai/gpt-4o", "messages": []}, "messages"),
        ({"model": "openai/gpt-4o", "messages": ["hello"]}, "messages"),
    ],
)
async def test_a_body_that_is_no_chat_completion_is_refused(body: object, named: str) -> None:
    response, content = await ask(LiteLLM(), body)
    assert response.status == 400
    assert named in error_of(content)["message"]


@pytest.mark.parametrize(
    "model", ["oobabooga/https://evil.example/v1", "openai/../x", "a?b", "a#b", "a\nb", "x" * 300]
)
async def test_a_model_that_could_be_an_address_is_refused(model: str) -> None:
    response, _ = await ask(
        LiteLLM(defaults={"mock_response": "no"}), {"model": model, "messages": HELLO}
    )
    assert response.status == 400


@pytest.mark.parametrize("provider", ["github_copilot", "GitHub_Copilot", "chatgpt", "petals"])
async def test_a_provider_that_needs_the_machine_is_refused(provider: str) -> None:
    response, content = await ask(LiteLLM(), {"model": f"{provider}/gpt-4o", "messages": HELLO})
    assert response.status == 400
    assert "not served" in error_of(content)["message"]


@pytest.mark.parametrize("model", ["no-such-model", "nobody/nothing"])
async def test_an_unknown_provider_is_named(model: str) -> None:
    response, content = await ask(LiteLLM(), {"model": model, "messages": HELLO})
    assert response.status == 400
    assert model in error_of(content)["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/embeddings"), ("GET", "/v1/chat/completions"), ("DELETE", "/v1/models")],
)
async def test_other_paths_are_not_found(method: str, path: str) -> None:
    response = await LiteLLM().send(request({}, method=method, path=path))
    assert response.status == 404
    message = error_of(b"".join([p async for p in response.body]))["message"]
    assert path in message
    assert "POST /v1/chat/completions" in message


async def test_the_list_of_models_is_empty() -> None:
    response = await LiteLLM().send(request(b"", method="GET", path="/v1/models?limit=5"))
    assert response.status == 200
    assert orjson.loads(b"".join([p async for p in response.body])) == {"object": "list", "data": []}


@pytest.mark.parametrize(
    "model", ["openai/gpt-4o", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-pro"]
)
async def test_a_request_without_any_key_says_where_to_put_one(model: str) -> None:
    response, content = await ask(LiteLLM(), {"model": model, "messages": HELLO}, [])
    assert response.status == 401
    assert error_of(content)["code"] == "invalid_api_key"
    assert f"{model.partition('/')[0].upper()}_API_KEY" in error_of(content)["message"]


async def test_a_live_answer_comes_back(live: LiteLLM, server: Server) -> None:
    response, content = await ask(
        live, {**ASK, "temperature": 0.5, "tools": TOOLS, "top_k": 4, "seed": 7}
    )
    assert response.status == 200
    completion = ChatCompletion.model_validate_json(content)
    assert completion.choices[0].message.content == "hi"
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 5
    expected = {
        "model": "gpt-4o",
        "messages": HELLO,
        "temperature": 0.5,
        "tools": TOOLS,
        "top_k": 4,
        "seed": 7,
    }
    assert {name: server.bodies[0].get(name) for name in expected} == expected


async def test_a_body_in_pieces_is_read_whole(live: LiteLLM, server: Server) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in orjson.dumps(ASK):
            yield bytes([byte])

    response = await live.send(UpstreamRequest("POST", "/v1/chat/completions", BEARER, pieces()))
    assert response.status == 200
    assert server.bodies[0]["messages"] == HELLO


async def test_litellms_own_arguments_are_out_of_a_callers_reach(live: LiteLLM, server: Server) -> None:
    hostile = {
        "api_base": "http://192.0.2.1/v1",
        "base_url": "http://192.0.2.1/v1",
        "api_key": "sk-other",
        "custom_llm_provider": "anthropic",
        "extra_headers": {"x-evil": "1"},
        "headers": {"x-evil": "1"},
        "extra_body": {"evil": 1},
        "mock_response": "forged",
        "fallbacks": ["openai/other"],
        "metadata": {"trace_id": "x"},
        "success_callback": ["langfuse"],
        "vertex_credentials": "/etc/passwd",
        "aws_role_name": "admin",
        "input_cost_per_token": 0,
        "timeout": 0.001,
        "num_retries": 50,
        "drop_params": False,
        "evil": 1,
    }
    _, content = await ask(live, {**ASK, **hostile})
    assert orjson.loads(content)["choices"][0]["message"]["content"] == "hi"
    assert server.bodies[0].keys() <= {"model", "messages", "stream"}
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "x-evil" not in server.headers[0]


async def test_a_parameter_that_the_provider_does_not_know_is_left_out(server: Server) -> None:
    async def message(incoming: web.Request) -> web.StreamResponse:
        usage = {"input_tokens": 3, "output_tokens": 1}
        said = [{"type": "text", "text": "bonjour"}]
        answer = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"}
        return web.json_response({**answer, "content": said, "stop_reason": "end_turn", "usage": usage})

    server.answer = message
    upstream = LiteLLM(api_base=server.url)
    body = {
        "model": "anthropic/claude-sonnet-4-5",
        "messages": HELLO,
        "seed": 7,
        "logit_bias": {"1": 2},
        "top_k": 3,
    }
    response, content = await ask(upstream, body)
    assert response.status == 200
    assert ChatCompletion.model_validate_json(content).choices[0].message.content == "bonjour"
    assert server.headers[0]["x-api-key"] == KEY
    assert server.bodies[0]["top_k"] == 3
    assert not {"seed", "logit_bias"} & server.bodies[0].keys()
    await upstream.aclose()


async def test_a_provider_asked_only_on_the_first_chunk_keeps_its_status(server: Server) -> None:
    server.refuse(529, {"type": "overloaded_error", "message": "Overloaded"})
    upstream = LiteLLM(api_base=server.url)
    body = {"model": "anthropic/claude-sonnet-4-5", "messages": HELLO, "stream": True}
    response, content = await ask(upstream, body)
    assert response.status >= 500
    assert "Overloaded" in error_of(content)["message"]
    await upstream.aclose()


async def test_a_configured_key_wins(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    upstream = LiteLLM(api_key="sk-configured", api_base=server.url)
    await ask(upstream, ASK)
    assert server.headers[0]["authorization"] == "Bearer sk-configured"
    await upstream.aclose()


async def test_a_key_in_the_usual_variable_wins_over_the_callers(
    live: LiteLLM, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    await ask(live, ASK)
    assert server.headers[0]["authorization"] == "Bearer sk-of-the-environment"


async def test_a_key_of_the_environment_is_not_told(
    live: LiteLLM, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "plain0123456789")
    server.refuse(401, {"message": "no such key: plain0123456789", "type": "invalid_request_error"})
    response, content = await ask(live, ASK)
    assert response.status == 401
    assert b"plain0123456789" not in content


async def test_the_machines_cloud_credentials_are_not_displaced_by_a_callers_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION_NAME", "us-east-1")
    response, content = await ask(
        LiteLLM(), {"model": "bedrock/anthropic.claude-v2", "messages": HELLO}
    )
    assert response.status == 401
    assert "locate credentials" in error_of(content)["message"]


async def test_nothing_is_logged_of_a_request(
    live: LiteLLM, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    server.refuse(
        401, {"message": f"Incorrect API key provided: {KEY}", "type": "invalid_request_error"}
    )
    await ask(live, {**ASK, "messages": [{"role": "user", "content": "a private word"}]})
    assert KEY not in caplog.text
    assert "private" not in caplog.text


async def test_the_callers_key_cannot_name_a_variable(
    live: LiteLLM, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "xyz")
    response, _ = await ask(live, ASK, [(b"authorization", b"Bearer os.environ/SECRET")])
    assert response.status == 401
    assert server.headers == []


async def test_each_chunk_is_passed_on_when_it_arrives(live: LiteLLM, server: Server) -> None:
    server.answer = server.stream
    response = await live.send(
        request({**ASK, "stream": True, "stream_options": {"include_usage": True}})
    )
    content = await anext(response.body)
    assert b"one" in content
    server.go_on.set()
    content += b"".join([piece async for piece in response.body])
    await response.aclose()
    chunks = chunks_of(content)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "one two"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 9


async def test_streamed_tool_calls_keep_their_pieces(live: LiteLLM, server: Server) -> None:
    async def stream(incoming: web.Request) -> web.StreamResponse:
        response = await begin(incoming)
        pieces: list[dict[str, object]] = [
            {
                "index": 0,
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": ""},
            },
            {"index": 0, "function": {"arguments": '{"city":'}},
            {"index": 0, "function": {"arguments": '"Oslo"}'}},
        ]
        for piece in pieces:
            await response.write(chunk({"tool_calls": [piece]}))
        await response.write(chunk({}, "tool_calls") + b"data: [DONE]\n\n")
        return response

    server.answer = stream
    _, content = await ask(live, {**ASK, "stream": True, "tools": TOOLS})
    chunks = chunks_of(content)
    calls = [call for c in chunks for call in c.choices[0].delta.tool_calls or [] if call.function]
    assert calls[0].id == "call_1"
    assert (
        "".join(call.function.arguments or "" for call in calls if call.function) == '{"city":"Oslo"}'
    )
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_key_comes_back_as_401_and_is_not_repeated(
    live: LiteLLM, server: Server, stream: bool
) -> None:
    told = f"Incorrect API key provided: {KEY}. Also sk-proj-ab*****************wxyz."
    server.refuse(401, {"message": told, "type": "invalid_request_error", "code": "invalid_api_key"})
    response, content = await ask(live, {**ASK, "stream": stream})
    assert response.status == 401
    assert error_of(content)["code"] == "invalid_api_key"
    assert "Incorrect API key" in error_of(content)["message"]
    assert b"sk-" not in content
    assert b"wxyz" not in content


async def test_a_rate_limit_comes_back_with_the_time_to_wait(live: LiteLLM, server: Server) -> None:
    told = {"message": "slow down", "type": "insufficient_quota", "code": "insufficient_quota"}
    server.refuse(429, told, {"retry-after": "17"})
    response, content = await ask(live, ASK)
    assert response.status == 429
    assert error_of(content)["code"] == "insufficient_quota"
    assert dict(response.headers)[b"retry-after"] == b"17"
    assert len(server.bodies) == 1


async def test_a_context_that_is_too_long_is_named(live: LiteLLM, server: Server) -> None:
    told = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    server.refuse(
        400, {"message": told, "type": "invalid_request_error", "code": "context_length_exceeded"}
    )
    response, content = await ask(live, ASK)
    assert response.status == 400
    assert error_of(content)["code"] == "context_length_exceeded"
    assert "8192" in error_of(content)["message"]


async def test_a_message_that_litellm_cannot_turn_is_the_callers_mistake(
    live: LiteLLM, server: Server
) -> None:
    response, content = await ask(live, {**ASK, "messages": [{"role": "user", "content": 5}]})
    assert response.status == 400
    assert "Traceback" not in error_of(content)["message"]
    assert server.bodies == []


async def test_a_server_that_is_not_there_is_502() -> None:
    upstream = LiteLLM(api_base="http://127.0.0.1:9/v1")
    with pytest.raises(UpstreamError) as caught:
        await upstream.send(request(ASK))
    assert (caught.value.status, caught.value.code) == (502, "upstream_unreachable")
    await upstream.aclose()


async def test_a_server_that_says_nothing_is_504(server: Server) -> None:
    server.answer = server.hang
    upstream = LiteLLM(api_base=server.url, read_timeout=0.3)
    with pytest.raises(UpstreamError) as caught:
        await upstream.send(request(ASK))
    assert (caught.value.status, caught.value.code) == (504, "upstream_timeout")
    await upstream.aclose()


async def test_a_stream_that_breaks_off_ends_with_an_error(live: LiteLLM, server: Server) -> None:
    server.answer = server.break_off
    response = await live.send(request({**ASK, "stream": True}))
    content = await anext(response.body)
    server.go_on.set()
    content += b"".join([piece async for piece in response.body])
    *_, last = data_of(content)
    assert error_of(last)["type"] == "upstream_error"
    assert b"[DONE]" not in content
    await response.aclose()


async def test_a_hang_up_during_the_stream_closes_the_connection(live: LiteLLM, server: Server) -> None:
    server.answer = server.stream
    response = await live.send(request({**ASK, "stream": True}))
    assert b"one" in await anext(response.body)
    await response.aclose()
    await asyncio.wait_for(server.hung_up.wait(), 5)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hang_up_before_the_answer_closes_the_connection(
    live: LiteLLM, server: Server, stream: bool
) -> None:
    server.answer = server.hang
    asking = asyncio.create_task(live.send(request({**ASK, "stream": stream})))
    await server.arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(server.hung_up.wait(), 5)


async def test_closing_leaves_litellm_usable_for_the_next(live: LiteLLM, server: Server) -> None:
    await ask(live, ASK)
    await live.aclose()
    response, _ = await ask(live, ASK)
    assert response.status == 200
