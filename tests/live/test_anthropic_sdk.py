"""The official anthropic client, pointed at foveate, works as it does without."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import anthropic
import pytest
from aiohttp import web

from support.client import Answer, ask
from support.messages import assistant, long_talk, problems, request, result, thought, use, user
from support.server import Live, serve, settings_for
from support.upstream import Received, Script, Upstream, reply_json, stream

BUDGET = {"X-Pruning-Budget": "900/500"}
USAGE = {
    "input_tokens": 40,
    "cache_creation_input_tokens": 60,
    "cache_read_input_tokens": 200,
    "output_tokens": 4,
}
TOOLS: Any = [
    {"name": "look_up", "description": "Look something up", "input_schema": {"type": "object"}}
]


def answered(*content: Any) -> dict[str, Any]:
    """A message in Anthropic's shape."""
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test", "content": list(content),
        "stop_reason": "end_turn", "stop_sequence": None, "usage": USAGE,
    }  # fmt: skip


def answering(*content: Any) -> Script:
    """Answer with those blocks, streamed where that was asked for."""

    async def script(asked: web.BaseRequest, body: bytes) -> web.StreamResponse:
        whole = answered(*content)
        if not json.loads(body).get("stream"):
            return web.json_response(whole)
        events: list[dict[str, Any]] = [{"type": "message_start", "message": {**whole, "content": []}}]
        for n, block in enumerate(content):
            events.append({"type": "content_block_start", "index": n, "content_block": block})
            events.append({"type": "content_block_stop", "index": n})
        ending = {"stop_reason": "end_turn", "stop_sequence": None}
        events.append({"type": "message_delta", "delta": ending, "usage": {"output_tokens": 4}})
        events.append({"type": "message_stop"})
        written = [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]
        return await stream(written)(asked, body)

    return script


HELLO = {"type": "text", "text": "Platform seven."}


@pytest.fixture
def client(quick: Live, upstream: Upstream) -> Iterator[anthropic.Anthropic]:
    upstream.script = answering(HELLO)
    with anthropic.Anthropic(
        base_url=quick.url, api_key=f"sk-ant-{secrets.token_hex(8)}", max_retries=0
    ) as made:
        yield made


def post(live: Live, body: Any, key: str, path: str = "/v1/messages", **headers: str) -> Answer:
    """Send a request as a caller with that key."""
    given = {
        "Content-Type": "application/json",
        "x-api-key": key,
        "anthropic-version": "2023-06-01",
        **headers,
    }
    return ask(live.url, "POST", path, json.dumps(body).encode(), list(given.items()))


def posted(upstream: Upstream) -> Received:
    """Return the last message that the upstream got, whatever is asked about its models meanwhile."""
    return [r for r in upstream.received if r.method == "POST"][-1]


def created(client: anthropic.Anthropic, messages: Any, **more: Any) -> Any:
    return client.messages.create(model="claude-test", max_tokens=100, messages=messages, **more)


def test_a_short_talk_goes_on_as_it_is(client: anthropic.Anthropic, upstream: Upstream) -> None:
    made = created(client, [{"role": "user", "content": "hi"}], system="Be brief.")
    assert made.content[0].text == "Platform seven."
    assert posted(upstream).json["messages"] == [{"role": "user", "content": "hi"}]
    assert posted(upstream).header("authorization") == f"Bearer {client.api_key}"
    assert posted(upstream).header("anthropic-version")


def test_a_long_talk_is_cut_and_the_headers_say_so(
    client: anthropic.Anthropic, upstream: Upstream
) -> None:
    raw = client.messages.with_raw_response.create(
        model="claude-test",
        max_tokens=100,
        messages=long_talk(),
        extra_headers=BUDGET,  # type: ignore[arg-type]
    )
    assert raw.headers["x-pruning-result"] == "cut"
    assert len(posted(upstream).json["messages"]) < len(long_talk())
    assert problems(posted(upstream).json) == []


def test_a_stream(client: anthropic.Anthropic, upstream: Upstream) -> None:
    with client.messages.stream(
        model="claude-test",
        max_tokens=100,
        messages=long_talk(),
        extra_headers=BUDGET,  # type: ignore[arg-type]
    ) as events:
        final = events.get_final_message()
    assert final.content[0].text == "Platform seven."  # type: ignore[union-attr]
    assert final.usage.cache_read_input_tokens == 200
    assert len(posted(upstream).json["messages"]) < len(long_talk())


def test_the_beta_client_and_its_query_pass(client: anthropic.Anthropic, upstream: Upstream) -> None:
    talk: Any = long_talk()
    client.beta.messages.create(
        model="claude-test", max_tokens=100, messages=talk, betas=["x-2026-01-01"], extra_headers=BUDGET,
        extra_query={"beta": "true"},
    )  # fmt: skip
    assert posted(upstream).target == "/v1/messages?beta=true"
    assert posted(upstream).header("anthropic-beta") == "x-2026-01-01"
    assert len(posted(upstream).json["messages"]) < len(talk)


@pytest.mark.parametrize("streamed", [False, True])
def test_what_the_upstream_counts_is_told(quick: Live, upstream: Upstream, streamed: bool) -> None:
    upstream.script = answering(HELLO)
    found = post(quick, request(long_talk(), stream=streamed), "sk-ant-u", **BUDGET)
    seen = ask(quick.url, "GET", f"/-/outcomes/{found.header('x-pruning-id')}").json
    assert seen["usage"] == {"prompt": 300, "cached": 200}
    assert seen["api"] == "messages"


def test_metrics_tell_the_api(quick: Live, upstream: Upstream) -> None:
    upstream.script = answering(HELLO)
    post(quick, request(long_talk()), "sk-ant-m", **BUDGET)
    assert b'api="messages"' in ask(quick.url, "GET", "/-/metrics").body


def test_a_loop_with_signed_reasoning_grows_at_its_end_alone(quick: Live, upstream: Upstream) -> None:
    upstream.script = answering(HELLO)
    messages, key = long_talk(), f"sk-ant-{secrets.token_hex(8)}"
    prompts = []
    for n in range(5):
        post(quick, request(messages, tools=TOOLS), key, **BUDGET)
        assert problems(posted(upstream).json) == []
        prompts.append(posted(upstream).json["messages"])
        signed = thought(f"I look up {n}", f"signature {n}")
        messages = [*messages, assistant(signed, use(f"t{n}")), user(result(f"t{n}", f"found {n}"))]
    for before, after in pairwise(prompts):
        assert after[: len(before)] == before


def test_words_beside_results_are_the_latest_turn(quick: Live, upstream: Upstream) -> None:
    upstream.script = answering(HELLO)
    messages = [*long_talk(), assistant(use("t1")), user(result("t1", "found"), "And the tomatoes?")]
    assert post(quick, request(messages, tools=TOOLS), "sk-ant-w", **BUDGET).result == "cut"
    assert posted(upstream).json["messages"][-2:] == messages[-2:]


def test_a_prompt_that_is_refused_as_too_long_is_cut_and_sent_once_more(
    quick: Live, upstream: Upstream
) -> None:
    calls: list[bytes] = []

    async def script(asked: web.BaseRequest, body: bytes) -> web.StreamResponse:
        if asked.method == "GET":  # the list of models
            return await reply_json({"data": []})(asked, body)
        calls.append(body)
        told = "prompt is too long: 1500 tokens > 1000 maximum"
        refused = {"type": "error", "error": {"type": "invalid_request_error", "message": told}}
        return await (reply_json(refused, 400) if len(calls) == 1 else answering(HELLO))(asked, body)

    upstream.script = script
    assert post(quick, request(long_talk(), model="claude-small"), "sk-ant-l").result == "cut"
    assert len(calls[1]) < len(calls[0])


def test_a_count_is_the_upstreams_own(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply_json({"input_tokens": 7})
    found = post(quick, request(long_talk()), "sk-ant-c", "/v1/messages/count_tokens", **BUDGET)
    assert (found.json, found.result) == ({"input_tokens": 7}, "relayed")
    assert posted(upstream).json == request(long_talk())


def test_a_count_that_is_refused_for_its_reasoning_is_asked_without_it(
    quick: Live, upstream: Upstream
) -> None:
    told = "messages.1.content.0: Invalid `signature` in `thinking` block. "
    told += "The block is bound to a different conversation."
    refused = {"type": "error", "error": {"type": "invalid_request_error", "message": told}}

    async def script(asked: web.BaseRequest, body: bytes) -> web.StreamResponse:
        answer = reply_json(refused, 400) if b"signature" in body else reply_json({"input_tokens": 7})
        return await answer(asked, body)

    upstream.script = script
    messages = [user("hi"), assistant(thought("hm"), "hello"), user("well?")]
    found = post(quick, request(messages), "sk-ant-c", "/v1/messages/count_tokens")
    assert found.json == {"input_tokens": 7}
    assert posted(upstream).json["messages"] == [user("hi"), assistant("hello"), user("well?")]


def test_an_error_of_the_upstream_is_the_clients_own_kind(
    client: anthropic.Anthropic, upstream: Upstream
) -> None:
    refused = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    upstream.script = reply_json(refused, 429)
    with pytest.raises(anthropic.RateLimitError, match="slow down"):
        created(client, [{"role": "user", "content": "hi"}])


def test_a_bad_pruning_header_is_a_bad_request_in_anthropics_shape(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="X-Pruning-Budget") as caught:
        created(client, [{"role": "user", "content": "hi"}], extra_headers={"X-Pruning-Budget": "lots"})
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")


@pytest.fixture(scope="module")
def echo() -> Iterator[anthropic.Anthropic]:
    settings = settings_for("http://127.0.0.1:1", upstream={"type": "echo"})
    with (
        serve(settings) as live,
        anthropic.Anthropic(base_url=live.url, api_key="none", max_retries=0) as made,
    ):
        yield made


def test_the_echo_upstream_answers_and_streams_alike(echo: anthropic.Anthropic) -> None:
    talk: Any = long_talk()
    whole = echo.messages.create(model="claude-test", max_tokens=100, messages=talk)
    with echo.messages.stream(model="claude-test", max_tokens=100, messages=talk) as events:
        final = events.get_final_message()
    assert final.content[0].text == whole.content[0].text  # type: ignore[union-attr]
    assert f"{len(talk)} messages" in whole.content[0].text  # type: ignore[union-attr]
    assert whole.usage.input_tokens > 500
