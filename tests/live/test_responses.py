"""The official openai client's `responses`, pointed at foveate, works as it does without."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import openai
import pytest
from aiohttp import web

from support.client import Answer, ask
from support.inputs import called, long_session, output, problems, response, said, thought, user
from support.server import Live, serve, settings_for
from support.upstream import Script, Upstream, reply_json, stream

BUDGET = {"X-Pruning-Budget": "1500/700"}
USAGE = {
    "input_tokens": 321, "input_tokens_details": {"cached_tokens": 128}, "output_tokens": 4,
    "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 325,
}  # fmt: skip


def answered(items: Sequence[Any], status: str = "completed") -> dict[str, Any]:
    """A response in OpenAI's shape."""
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": status, "error": None, "model": "gpt-4o",
        "incomplete_details": None, "instructions": None, "metadata": {}, "output": list(items), "top_p": 1.0,
        "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [],
        "usage": USAGE if status == "completed" else None,
    }  # fmt: skip


def answering(*items: Any) -> Script:
    """Answer with those items, streamed where that was asked for."""

    async def script(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        if not json.loads(body).get("stream"):
            return web.json_response(answered(items))
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": answered([], "in_progress")}
        ]
        for n, item in enumerate(items):
            events += [
                {"type": f"response.output_item.{when}", "output_index": n, "item": item}
                for when in WHENS
            ]
        events.append({"type": "response.completed", "response": answered(items)})
        written = [json.dumps({**event, "sequence_number": n}) for n, event in enumerate(events)]
        return await stream([f"data: {event}\n\n".encode() for event in written])(request, body)

    return script


WHENS = ("added", "done")


@pytest.fixture
def client(quick: Live, upstream: Upstream) -> Iterator[openai.OpenAI]:
    upstream.script = answering(said("Platform seven.", "1"))
    with openai.OpenAI(
        base_url=f"{quick.url}/v1", api_key=f"sk-{secrets.token_hex(8)}", max_retries=0
    ) as made:
        yield made


def post(live: Live, body: Any, key: str, path: str = "/v1/responses", **more: str) -> Answer:
    """POST a request for a response as the caller `key`."""
    headers = [("Content-Type", "application/json"), ("Authorization", f"Bearer {key}"), *more.items()]
    return ask(live.url, "POST", path, json.dumps(body).encode(), headers)


def test_a_response(client: openai.OpenAI, upstream: Upstream) -> None:
    made = client.responses.create(model="gpt-4o", input="hi")
    assert made.output_text == "Platform seven."
    assert upstream.last.json == {"model": "gpt-4o", "input": "hi"}


def test_a_long_session_is_cut_to_a_valid_input_and_the_headers_say_so(
    client: openai.OpenAI, upstream: Upstream
) -> None:
    items: Any = long_session()
    raw = client.responses.with_raw_response.create(model="gpt-4o", input=items, extra_headers=BUDGET)
    assert raw.headers["x-pruning-result"] == "cut"
    assert raw.parse().output_text == "Platform seven."
    left = upstream.last.json["input"]
    assert len(left) < len(items)
    assert left[0] == items[0]
    assert left[-1] == items[-1]
    assert problems(left, items) == []


def test_a_streamed_response(client: openai.OpenAI, upstream: Upstream, quick: Live) -> None:
    items: Any = long_session()
    with client.responses.stream(model="gpt-4o", input=items, extra_headers=BUDGET) as events:
        assert events.get_final_response().output_text == "Platform seven."
        found = events._response.headers  # the SDK's own way to the headers of a stream
    assert found["x-pruning-result"] == "cut"
    outcome = quick.services.parts.recent.get(found["x-pruning-id"])
    assert outcome is not None
    assert (outcome.api, outcome.usage and outcome.usage.prompt_tokens) == ("responses", 321)


def test_between_cuts_a_prompt_begins_as_the_one_before(quick: Live, upstream: Upstream) -> None:
    upstream.script = answering(said("ok", "1"))
    items, key = long_session(), f"sk-{secrets.token_hex(8)}"
    prompts = []
    for n in range(4):
        post(quick, response(items), key, **BUDGET)
        prompts.append(upstream.last.json["input"])
        items = [*items, thought(f"n{n}"), called(f"n{n}"), output(f"n{n}")]
    for before, after in pairwise(prompts):
        assert after[: len(before)] == before
        assert problems(after, items) == []


@pytest.mark.parametrize(
    ("items", "more"),
    [
        (long_session(), {"previous_response_id": "resp_0"}),
        (long_session(), {"conversation": "conv_0"}),
        ([{"type": "item_reference", "id": "msg_0"}, *long_session()], {}),
    ],
)
def test_what_the_server_holds_goes_on_unchanged(
    quick: Live, upstream: Upstream, items: Any, more: dict[str, Any]
) -> None:
    upstream.script = answering(said("ok", "1"))
    found = post(quick, response(items, **more), "sk-x", **BUDGET)
    assert found.result == "untouched"
    assert upstream.last.json == response(items, **more)


def test_a_request_to_sum_up_keeps_the_standing_cut_and_makes_none(
    quick: Live, upstream: Upstream
) -> None:
    upstream.script = answering({"type": "compaction", "id": "cmp_1", "encrypted_content": "=="})
    key, items = f"sk-{secrets.token_hex(8)}", long_session()
    assert post(quick, response(items), key, **BUDGET).result == "cut"
    standing = upstream.last.json["input"]
    trigger = {"type": "compaction_trigger"}
    assert post(quick, response([*items, trigger]), key).result == "sticky"
    assert upstream.last.json["input"] == [*standing, trigger]
    assert post(quick, response([*items, trigger]), "sk-another").result == "untouched"


def test_what_stands_before_a_compaction_goes_first_but_for_the_users_words(
    quick: Live, upstream: Upstream
) -> None:
    upstream.script = answering(said("ok", "1"))
    task = user("Watch the night train.")
    old = [item for n in range(8) for item in (called(f"{n}"), output(f"{n}", f"train {n} " * 60))]
    compacted = {"type": "compaction", "id": "cmp_1", "encrypted_content": "=="}
    rest = [called("new"), output("new", "train " * 60), user("And the night train?")]
    found = post(
        quick, response([task, *old, compacted, *rest]), "sk-c", **{"X-Pruning-Budget": "700/600"}
    )
    assert found.result == "cut"
    assert upstream.last.json["input"] == [task, compacted, *rest]


def test_compacting_and_counting_are_relayed_as_they_come(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply_json({"object": "response.input_tokens", "input_tokens": 7})
    for path in ("/v1/responses/compact", "/v1/responses/input_tokens"):
        found = post(quick, response(long_session()), "sk-x", path, **BUDGET)
        assert (found.status, found.result) == (200, "relayed")
        assert upstream.last.json == response(long_session())


def test_a_prompt_that_is_refused_as_too_long_is_cut_and_sent_once_more(
    quick: Live, upstream: Upstream
) -> None:
    calls = []

    async def refusing(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        calls.append(json.loads(body)["input"])
        if len(calls) > 1:
            return await answering(said("ok", "1"))(request, body)
        told = "Your input exceeds the context window of this model. Please adjust your input and try again."
        error = {
            "message": told,
            "type": "invalid_request_error",
            "param": "input",
            "code": "context_length_exceeded",
        }
        return web.json_response({"error": error}, status=400)

    upstream.script = refusing
    found = post(quick, response(long_session()), "sk-r")
    assert (found.status, found.result, len(calls)) == (200, "cut", 2)
    assert problems(calls[1], calls[0]) == []


def test_an_error_is_the_clients_own_kind(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="X-Pruning-Budget"):
        client.responses.create(model="gpt-4o", input="hi", extra_headers={"X-Pruning-Budget": "lots"})


@pytest.fixture(scope="module")
def echo() -> Iterator[openai.OpenAI]:
    with (
        serve(settings_for("http://127.0.0.1:1", upstream={"type": "echo"})) as live,
        openai.OpenAI(base_url=f"{live.url}/v1", api_key="sk-none", max_retries=0) as made,
    ):
        yield made


def test_the_echo_upstream_answers(echo: openai.OpenAI) -> None:
    items: Any = [user("hi"), user("Good morning")]
    made = echo.responses.create(model="gpt-4o", input=items)
    assert "2 user" in made.output_text
    assert made.output_text.endswith("Good morning")
    assert made.usage
    assert made.usage.input_tokens > 5


def test_the_echo_upstream_streams(echo: openai.OpenAI) -> None:
    with echo.responses.stream(model="gpt-4o", input="Good morning") as events:
        kinds = [event.type for event in events]
        assert events.get_final_response().output_text.endswith("Good morning")
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_text.delta") > 5
