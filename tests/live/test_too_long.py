"""An upstream that finds a prompt too long: one deeper try, before the caller has heard anything."""

# ruff: noqa: E501  (what upstreams say stands on one line)

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from aiohttp import web

from foveate.proxy.pruning.limits.calibration import ENOUGH
from foveate.proxy.serving.exchange import tenant
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import chat
from support.conversations import body, count, long_chat
from support.parts import WordEmbedder
from support.server import Live, serve_with, settings_for
from support.sessions import ends
from support.upstream import Gate, Script, Upstream, answer_chat, chat_events, completion, reply_json

WINDOW = 1200


def openai_shape(message: str) -> dict[str, Any]:
    return {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    }


MAXIMUM = "This model's maximum context length is {window} tokens"
SAYINGS: dict[str, tuple[int, str, bool]] = {
    # status, words, and whether they name the window
    "openai": (400, MAXIMUM + ". However, your messages resulted in {prompt} tokens.", True),
    "azure": (400, MAXIMUM + ". However, you requested {prompt} tokens ({prompt} in the messages, 0 in the completion).", True),
    "vllm": (400, MAXIMUM + ". However, your request has {prompt} input tokens. Please reduce the length of the input messages.", True),
    "vllm, newer": (
        400, "'max_tokens' or 'max_completion_tokens' is too large: 16. " + MAXIMUM + " and your request has {prompt} input "
        "tokens (16 > {window} - {prompt}).", True,
    ),
    "llama.cpp": (400, "request ({prompt} tokens) exceeds the available context size ({window} tokens), try increasing it", True),
    "anthropic": (
        400, "litellm.ContextWindowExceededError: AnthropicException - prompt is too long: {prompt} tokens > {window} maximum", True
    ),
    "gemini": (400, "The input token count ({prompt}) exceeds the maximum number of tokens allowed ({window}).", True),
    "mistral": (400, "Prompt contains {prompt} tokens and 0 draft tokens, too large for model with {window} maximum context length", True),
    "tgi": (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= {window}. Given: {prompt} `inputs` tokens", True),
    "groq": (400, "Please reduce the length of the messages or completion.", False),
}  # fmt: skip


def narrow(
    status: int = 400, words: str = SAYINGS["openai"][1], packed: bool = False, dribbled: bool = False
) -> Script:
    """An upstream that takes WINDOW tokens and refuses more in those words."""

    async def script(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
        if (
            not request.path.endswith("/chat/completions")
            or (prompt := count(json.loads(content))) <= WINDOW
        ):
            return await answer_chat(request, content)
        refusal = json.dumps(openai_shape(words.format(window=WINDOW, prompt=prompt))).encode()
        response = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
        if packed:
            refusal = gzip.compress(refusal)
            response.headers["Content-Encoding"] = "gzip"
        await response.prepare(request)
        for byte in refusal if dribbled else ():
            await response.write(bytes([byte]))
        if not dribbled:
            await response.write(refusal)
        await response.write_eof()
        return response

    return script


@pytest.fixture
def live(upstream: Upstream) -> Iterator[Live]:
    """A server of its own, as it learns; it believes in a window of 4,000 tokens."""
    settings = settings_for(
        upstream.url, window={"models": {"gpt-4o": 4000, "llama": 4000}, "reserve_output": 0.0}
    )
    with serve_with(settings, WordEmbedder(), InMemory()) as made:
        yield made


def asked(upstream: Upstream) -> list[dict[str, Any]]:
    return [r.json for r in upstream.received if r.method == "POST"]


@pytest.mark.parametrize(("status", "words", "named"), SAYINGS.values(), ids=SAYINGS)
def test_a_prompt_that_is_refused_is_cut_deeper_and_sent_once_more(
    live: Live, upstream: Upstream, status: int, words: str, named: bool
) -> None:
    upstream.script = narrow(status, words)
    messages = long_chat(25)
    answer = chat(live.url, body(messages), key="sk-1")
    first, second = asked(upstream)
    assert (answer.status, answer.result) == (200, "cut")
    assert count(second) <= WINDOW < count(first)
    assert second["messages"][-1] == messages[-1]
    assert int(answer.header("x-pruning-tokens-after") or 0) == count(second)
    assert len(answer.all("x-pruning-result")) == 1
    outcome = live.services.parts.recent.get(str(answer.header("x-pruning-id")))
    assert outcome is not None
    assert (outcome.resent, outcome.status) == ("length", 200)
    upstream.received.clear()
    chat(live.url, body(long_chat(30)), key="sk-1")
    assert len(asked(upstream)) == (1 if named else 2)  # a window that was named is remembered
    if named:
        caller = tenant([(b"authorization", b"Bearer sk-1")])
        assert live.services.parts.windows.known("gpt-4o", caller).tokens == WINDOW


def test_requests_refused_at_the_same_time_teach_no_wrong_counts(upstream: Upstream) -> None:
    refuse, arrived, both = narrow(), [], Gate()

    async def script(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
        arrived.append(content)
        if len(arrived) == 2:
            both.open()
        await both.passed()  # both are under way before either is refused
        return await refuse(request, content)

    upstream.script = script
    settings = settings_for(upstream.url, window={"models": {"gpt-4o": 100_000}})
    with serve_with(settings, WordEmbedder(), InMemory()) as live, ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda n: chat(live.url, body(long_chat(80 + n))), range(2)))
        assert [a.status for a in answers] == [200, 200]
        seen = live.services.parts.calibration._seen.values()
        assert all(ratio < 1.05 for ratios in seen for ratio in ratios)
        assert min(int(a.header("x-pruning-tokens-after") or 0) for a in answers) > 0.5 * WINDOW


def test_a_conversation_goes_on_from_the_deeper_cut(live: Live, upstream: Upstream) -> None:
    upstream.script = narrow()
    messages = long_chat(35)
    for end in ends(messages):
        assert chat(live.url, body(messages[:end]), key="sk-1").status == 200
    sizes = [count(a) for a in asked(upstream)]
    assert sum(size > WINDOW for size in sizes) == 1
    shared = sum(
        a["messages"] == b["messages"][: len(a["messages"])]
        for a, b in zip(asked(upstream), asked(upstream)[1:], strict=False)
    )
    assert shared > 20


@pytest.mark.parametrize("streamed", [False, True])
def test_the_sdk_never_hears_of_the_first_refusal(
    live: Live, upstream: Upstream, streamed: bool
) -> None:
    upstream.script = narrow()
    messages: Any = long_chat(25)
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key="sk-1", max_retries=0) as client:
        made: Any = client.chat.completions.create(model="gpt-4o", messages=messages, stream=streamed)
        words = (
            [c.choices[0].delta.content or "" for c in made]
            if streamed
            else [made.choices[0].message.content]
        )
    assert "".join(words) == "Hello there."
    assert len(asked(upstream)) == 2


def test_a_second_refusal_is_relayed(live: Live, upstream: Upstream) -> None:
    async def never(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
        prompt = count(json.loads(content))
        return web.json_response(
            openai_shape(SAYINGS["openai"][1].format(window=4, prompt=prompt)), status=400
        )

    upstream.script = never
    answer = chat(live.url, body(long_chat(25)), key="sk-1")
    first, second = asked(upstream)
    assert count(second) < count(first)
    assert answer.status == 400
    assert answer.json == openai_shape(SAYINGS["openai"][1].format(window=4, prompt=count(second)))


@pytest.mark.parametrize("status", [400, 413, 422, 429, 500])
def test_other_errors_are_relayed_as_they_are(live: Live, upstream: Upstream, status: int) -> None:
    error = {
        "error": {"message": "Invalid 'tools': empty", "type": "invalid_request_error", "code": None},
        "n": 1.50,
    }
    upstream.script = reply_json(error, status, [("X-Request-Id", "r1")])
    answer = chat(live.url, body(long_chat(25)), key="sk-1")
    assert len(asked(upstream)) == 1
    assert (answer.status, answer.body) == (status, json.dumps(error).encode())
    assert answer.header("x-request-id") == "r1"
    assert answer.result == "untouched"


@pytest.mark.parametrize("mode", ["off", "dry-run"])
def test_who_wants_no_pruning_gets_the_refusal(live: Live, upstream: Upstream, mode: str) -> None:
    upstream.script = narrow()
    answer = chat(live.url, body(long_chat(25)), key="sk-1", pruning=mode)
    assert answer.status == 400
    assert answer.json["error"]["code"] == "context_length_exceeded"
    assert len(asked(upstream)) == 1


def test_where_nothing_can_go_the_refusal_is_relayed(live: Live, upstream: Upstream) -> None:
    upstream.script = narrow()
    answer = chat(live.url, body([{"role": "user", "content": "word " * 2000}]), key="sk-1")
    assert answer.status == 400
    assert len(asked(upstream)) == 1


def test_a_refusal_is_understood_in_dribbles_and_compressed(live: Live, upstream: Upstream) -> None:
    for n, how in enumerate(({"dribbled": True}, {"packed": True}, {"dribbled": True, "packed": True})):
        upstream.received.clear()
        upstream.script = narrow(words=SAYINGS["groq"][1], **how)
        assert chat(live.url, body(long_chat(25)), key=f"sk-{n}").status == 200
        assert len(asked(upstream)) == 2


def test_a_long_error_that_dribbles_is_relayed_whole(live: Live, upstream: Upstream) -> None:
    chunks = [b'{"error": "', *[b"no way " * 1000] * 30, b'"}']

    async def script(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
        response = web.StreamResponse(status=400, headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
        return response

    upstream.script = script
    answer = chat(live.url, body(long_chat(25)), key="sk-1")
    assert (answer.status, answer.body) == (400, b"".join(chunks))
    assert len(asked(upstream)) == 1


def test_an_upstream_that_breaks_off_its_refusal_is_an_error(live: Live, upstream: Upstream) -> None:
    async def script(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
        response = web.StreamResponse(status=400, headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"error": {"code": "context_length_exceeded", ')
        assert request.transport is not None
        request.transport.abort()
        return response

    upstream.script = script
    assert chat(live.url, body(long_chat(25)), key="sk-1").status == 502


def counting(factor: float, kind: str) -> Script:
    """An upstream whose tokens are `factor` of ours, and which says so."""

    async def script(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
        usage = {"prompt_tokens": int(count(json.loads(content)) * factor), "completion_tokens": 1}
        whole = json.dumps({**completion("Hello there."), "usage": usage}).encode()
        if kind == "json":
            return web.Response(body=whole, content_type="application/json")
        if kind == "gzip":
            headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
            return web.Response(body=gzip.compress(whole), headers=headers)
        *words, done = chat_events(["Hello", " there", "."])
        last = (
            b"data: "
            + json.dumps({"object": "chat.completion.chunk", "choices": [], "usage": usage}).encode()
            + b"\n\n"
        )
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in [*words, last, done]:
            await response.write(chunk)
        await response.write_eof()
        return response

    return script


@pytest.mark.parametrize("kind", ["json", "gzip", "stream"])
def test_how_the_upstream_counts_is_learned_from_its_usage(
    live: Live, upstream: Upstream, kind: str
) -> None:
    upstream.script = counting(1.9, kind)
    messages = long_chat(25)
    sizes = []
    for _ in range(ENOUGH + 1):
        answer = chat(live.url, body(messages, model="llama", stream=kind == "stream"), key="sk-1")
        sizes.append(int(answer.header("x-pruning-tokens-before") or 0))
    assert sizes[-1] == pytest.approx(1.9 * sizes[0], rel=0.01)
    budget = int(1.9 * sizes[0]) - 50
    answer = chat(live.url, body(messages, model="llama"), key="sk-1", budget=str(budget))
    assert answer.result == "cut"
    assert int(1.9 * count(upstream.last.json)) <= budget


def test_a_count_below_ours_is_not_believed_where_ours_is_exact(live: Live, upstream: Upstream) -> None:
    upstream.script = counting(0.5, "json")
    for _ in range(2):
        answer = chat(live.url, body(long_chat(25)), key="sk-1")
        assert int(answer.header("x-pruning-tokens-before") or 0) == count(body(long_chat(25)))


def test_the_window_that_the_upstream_lists_is_kept(upstream: Upstream) -> None:
    async def script(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
        if request.path == "/v1/models":
            return web.json_response(
                {"object": "list", "data": [{"id": "served", "object": "model", "max_model_len": 3000}]}
            )
        return await answer_chat(request, content)

    upstream.script = script
    with serve_with(
        settings_for(upstream.url, window={"models": {}}), WordEmbedder(), InMemory()
    ) as live:
        answer = chat(live.url, body(long_chat(60), model="served"), key="sk-1")
        outcome = live.services.parts.recent.get(str(answer.header("x-pruning-id")))
    assert outcome is not None
    assert outcome.window is not None
    assert (outcome.window.tokens, outcome.window.source) == (3000, "upstream")
    assert answer.result == "cut"
    assert count(upstream.last.json) <= 3000 * 0.9 * 0.9
