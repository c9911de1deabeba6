"""Responses and Messages over litellm: the official clients, a provider that speaks chat completions, and cuts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from aiohttp import web

from support import inputs, messages
from support.server import Live, serve, settings_for
from support.upstream import Upstream, reply_json, stream

BUDGET = {"X-Pruning-Budget": "900/500"}
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
}
# litellm turns requests for the first into chat completions on the one API, for the second on the other.
TURNED, RETOLD = "deepseek/some-model", "hosted_vllm/some-model"


def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
    """An event of a streamed chat completion."""
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    told = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
    }
    return f"data: {json.dumps({**told, **more})}\n\n".encode()


async def answer(asked: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """Say where the train leaves, or call a tool where there is one."""
    wanted = json.loads(body)
    message: dict[str, Any] = {"role": "assistant", "content": "Platform seven."}
    if wanted.get("tools"):
        message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    reason = "tool_calls" if wanted.get("tools") else "stop"
    if wanted.get("stream"):
        words = [chunk({"role": "assistant", "content": "Platform"}), chunk({"content": " seven."})]
        ending = [chunk({}, "stop"), chunk({}, usage=USAGE), b"data: [DONE]\n\n"]
        return await stream([*words, *ending])(asked, body)
    choice = {"index": 0, "message": message, "finish_reason": reason}
    told = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return await reply_json({**told, "usage": USAGE})(asked, body)


@pytest.fixture(scope="module")
def _live(_upstream: Upstream) -> Iterator[Live]:
    given = {"type": "litellm", "api_base": f"{_upstream.url}/v1"}
    settings = settings_for(_upstream.url, upstream=given, window={"default": 128_000})
    with serve(settings) as live:
        yield live


@pytest.fixture
def live(_live: Live, upstream: Upstream) -> Live:
    upstream.script = answer
    return _live


@pytest.fixture
def responses(live: Live) -> Iterator[Any]:
    key = f"sk-{secrets.token_hex(8)}"
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key=key, max_retries=0) as made:
        yield made.responses


@pytest.fixture
def claude(live: Live) -> Iterator[Any]:
    key = f"sk-{secrets.token_hex(8)}"
    with anthropic.Anthropic(base_url=live.url, api_key=key, max_retries=0) as made:
        yield made.messages


def test_a_response(responses: Any, upstream: Upstream) -> None:
    made = responses.create(model=TURNED, input="Where does it leave?", instructions="Be short.")
    assert made.output_text == "Platform seven."
    assert made.usage.input_tokens == 5
    assert [m["role"] for m in upstream.last.messages] == ["system", "user"]


def test_a_response_that_is_streamed(responses: Any) -> None:
    with responses.stream(model=TURNED, input="Where does it leave?") as events:
        kinds = [event.type for event in events]
        made = events.get_final_response()
    assert made.output_text == "Platform seven."
    assert "response.output_text.delta" in kinds


def test_a_response_that_calls(responses: Any) -> None:
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
    made = responses.create(model=TURNED, input="And the weather?", tools=[tool])
    calls = [item for item in made.output if item.type == "function_call"]
    assert json.loads(calls[0].arguments) == {"city": "Oslo"}


def test_a_response_to_a_long_history_is_pruned(responses: Any, upstream: Upstream) -> None:
    history = [item for item in inputs.long_session(30) if item.get("type") != "reasoning"]
    asked = responses.with_raw_response.create(model=TURNED, input=history, extra_headers=BUDGET)
    assert asked.headers["x-pruning-result"] == "cut"
    assert len(upstream.last.messages) < len(history)
    assert asked.parse().output_text == "Platform seven."


def test_an_answer_that_the_provider_does_not_keep_cannot_be_gone_on_from(responses: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="keeps no answers"):
        responses.create(model=TURNED, input="And then?", previous_response_id="resp_1")


def test_a_conversation_at_the_server_is_refused(responses: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="send the history as input"):
        responses.create(model=TURNED, input="And then?", conversation="conv_1")


def test_a_message(claude: Any, upstream: Upstream) -> None:
    made = claude.create(model=RETOLD, max_tokens=99, messages=[messages.user("Where does it leave?")])
    assert made.content[0].text == "Platform seven."
    assert made.usage.input_tokens == 5
    assert upstream.last.json["max_tokens"] == 99


def test_a_message_that_is_streamed(claude: Any) -> None:
    with claude.stream(model=RETOLD, max_tokens=99, messages=[messages.user("Where?")]) as events:
        assert "".join(events.text_stream) == "Platform seven."


def test_a_message_that_calls(claude: Any) -> None:
    tool = {"name": "weather", "input_schema": {"type": "object"}}
    asked = [messages.user("And the weather?")]
    made = claude.create(model=RETOLD, max_tokens=99, messages=asked, tools=[tool])
    assert made.stop_reason == "tool_use"
    assert made.content[-1].input == {"city": "Oslo"}


def test_a_long_talk_is_pruned(claude: Any, upstream: Upstream) -> None:
    talk = messages.long_talk()
    asked = claude.with_raw_response.create(
        model=RETOLD, max_tokens=99, messages=talk, extra_headers=BUDGET
    )
    assert asked.headers["x-pruning-result"] == "cut"
    assert len(upstream.last.messages) < len(talk)


def test_the_callers_key_goes_to_the_provider(claude: Any, upstream: Upstream) -> None:
    claude.create(model=RETOLD, max_tokens=9, messages=[messages.user("Where?")])
    assert (upstream.last.header("authorization") or "").startswith("Bearer sk-")


def test_a_refusal_comes_in_the_shape_of_the_api(claude: Any, upstream: Upstream) -> None:
    told = {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}
    upstream.script = reply_json({"error": told}, status=429)
    with pytest.raises(anthropic.RateLimitError, match="slow down") as caught:
        claude.create(model=RETOLD, max_tokens=9, messages=[messages.user("Where?")])
    assert caught.value.body["type"] == "error"


@pytest.mark.parametrize("field", ["max_tokens", "messages"])
def test_a_message_that_lacks_what_it_needs_is_refused(claude: Any, field: str) -> None:
    given: dict[str, Any] = {"max_tokens": 9, "messages": [messages.user("Where?")]}
    with pytest.raises(anthropic.BadRequestError, match=field):
        claude.create(model=RETOLD, **given, extra_body={field: None})
