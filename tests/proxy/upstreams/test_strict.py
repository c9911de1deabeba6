"""The strict echo upstream: it refuses what providers refuse, and what is left of a history never is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from foveate.proxy.upstreams.strict import FAULTS
from support import inputs, messages
from support.client import Answer, ask
from support.conversations import call, long_chat, result
from support.server import Live, serve, settings_for

HELLO = {"role": "user", "content": "hello"}
USE = {"type": "tool_use", "id": "t1", "name": "look_up", "input": {}}
FOUND = {"type": "tool_result", "tool_use_id": "t1", "content": "found"}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
MARKED = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
PATHS = {"chat": "chat/completions", "messages": "messages", "responses": "responses"}


def talk(*turns: Any, **more: Any) -> dict[str, Any]:
    return {"model": "claude-test", "max_tokens": 9, "messages": list(turns), **more}


def assistant(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


FAULTY = [
    ("chat", {"messages": []}, "too short"),
    ("chat", {"messages": [{"role": "wizard", "content": "hi"}]}, "Invalid value: 'wizard'"),
    ("chat", {"messages": [HELLO, {"role": "assistant", "content": None}]}, "got null"),
    ("chat", {"messages": [HELLO, {"role": "assistant", "content": "hi", "tool_calls": []}]}, "too short"),
    ("chat", {"messages": [HELLO, result("c1")]}, "must be a response to a preceding message"),
    ("chat", {"messages": [HELLO, call("c1")]}, "did not have response messages: c1"),
    ("chat", {"messages": [HELLO, call("c1", "c2"), result("c1"), HELLO]}, "response messages: c2"),
    ("messages", talk(), "at least one message"),
    ("messages", {"messages": [HELLO]}, "max_tokens: Field required"),
    ("messages", talk({"role": "tool", "content": "hi"}), "unexpected role"),
    ("messages", talk(assistant(MARKED), HELLO), "first message must use the user role"),
    ("messages", talk(user()), "non-empty content"),
    ("messages", talk(user({"type": "text", "text": " "})), "non-whitespace text"),
    ("messages", talk(HELLO, assistant(THOUGHT), HELLO), "cannot be `thinking`"),
    ("messages", talk(HELLO, assistant(USE)), "without `tool_result` blocks immediately after: t1"),
    ("messages", talk(HELLO, assistant(USE), HELLO), "without `tool_result` blocks immediately after: t1"),
    ("messages", talk(HELLO, assistant(USE), user(MARKED, FOUND)), "immediately after: t1"),
    ("messages", talk(user(FOUND)), "without a corresponding `tool_use`"),
    ("messages", talk(HELLO, assistant(USE, USE), user(FOUND), assistant(USE), user(FOUND)), "be unique"),
    ("messages", talk(user(*[MARKED] * 5)), "maximum of 4 blocks"),
    ("responses", {"input": []}, "too short"),
    ("responses", {"input": [inputs.output("1")]}, "No tool call found for function call output"),
    ("responses", {"input": [inputs.called("1")]}, "No tool output found for function call"),
    ("responses", {"input": [inputs.thought("1"), HELLO]}, "without its required following item"),
    ("responses", {"input": [inputs.thought("1")]}, "without its required following item"),
    ("responses", {"input": [inputs.said("a", "1"), inputs.said("a", "1")]}, "Duplicate item"),
    ("responses", {"input": [{"type": "compaction_trigger"}, HELLO]}, "must be the last"),
]  # fmt: skip
SOUND = [
    ("chat", {"messages": [HELLO, call("c1", "c2"), result("c2"), result("c1"), HELLO]}),
    ("messages", talk(HELLO, assistant(THOUGHT, USE), user(FOUND, MARKED))),
    ("messages", talk(HELLO, HELLO, assistant(MARKED), system="Be short.")),
    ("responses", {"input": "hello"}),
    ("responses", {"input": [HELLO, inputs.thought("1"), inputs.called("1"), inputs.output("1")]}),
    ("responses", {"input": inputs.long_session()}),
    ("responses", {"prompt": {"id": "p"}}),
    ("responses", {"input": [inputs.output("1")], "previous_response_id": "resp_1"}),
    (
        "responses",
        {
            "input": [
                {"type": "local_shell_call", "id": "l", "call_id": "c"},
                {"type": "local_shell_call_output", "id": "l", "output": "o"},
            ]
        },
    ),
    (
        "responses",
        {"input": [{"type": "program", "call_id": "c"}, {"type": "program_output", "call_id": "c"}]},
    ),
    ("messages", talk(user(FOUND), thread={"type": "continue", "previous_message_id": "m"})),
    ("messages", talk(*messages.long_talk())),
]


@pytest.mark.parametrize(("wire", "body", "told"), FAULTY)
def test_what_a_provider_refuses_is_told_in_its_words(
    wire: str, body: dict[str, Any], told: str
) -> None:
    assert told in " ".join(FAULTS[wire](body))


@pytest.mark.parametrize(("wire", "body"), SOUND)
def test_what_a_provider_takes_has_no_fault(wire: str, body: dict[str, Any]) -> None:
    assert list(FAULTS[wire](body)) == []


@pytest.fixture(scope="module")
def strict() -> Iterator[Live]:
    given = {"type": "echo", "options": {"strict": True, "window": 2500}}
    settings = settings_for("http://127.0.0.1:1", upstream=given, window={"default": 128_000})
    with serve(settings) as live:
        yield live


def post(live: Live, wire: str, body: dict[str, Any], **more: str) -> Answer:
    headers = [("Content-Type", "application/json"), *more.items()]
    return ask(live.url, "POST", f"/v1/{PATHS[wire]}", json.dumps(body).encode(), headers)


UNPAIRED = [row for row in FAULTY if "call" in row[2] or "tool_use" in row[2]]


@pytest.mark.parametrize(("wire", "body", "told"), UNPAIRED)
def test_a_faulty_history_is_refused_through_the_proxy(
    strict: Live, wire: str, body: dict[str, Any], told: str
) -> None:
    answer = post(strict, wire, {"model": "some-model", **body})
    assert answer.status == 400
    assert told in answer.json["error"]["message"]


def test_reasoning_that_is_refused_is_taken_out_and_the_rest_sent_again(strict: Live) -> None:
    body = {"model": "some-model", "input": [inputs.thought("9"), HELLO]}
    assert any(FAULTS["responses"](body))
    assert post(strict, "responses", body).status == 200


@pytest.mark.parametrize("budget", ["400", "700/500", "1500", "2200/900"])
@pytest.mark.parametrize(
    ("wire", "body"),
    [
        ("chat", {"model": "some-model", "messages": long_chat(60)}),
        ("responses", {"model": "some-model", "input": inputs.long_session(40)}),
        ("messages", talk(*messages.long_talk())),
    ],
)
def test_what_is_left_of_a_sound_history_is_sound(
    strict: Live, wire: str, body: dict[str, Any], budget: str
) -> None:
    answer = post(strict, wire, body, **{"X-Pruning-Budget": budget})
    assert answer.status == 200, answer.body
    assert answer.header("x-pruning-result") in ("cut", "sticky", "over")


@pytest.mark.parametrize("wire", ["chat", "messages"])
def test_a_prompt_beyond_the_echo_s_window_is_cut_and_sent_again(strict: Live, wire: str) -> None:
    said = [
        {"role": role, "content": f"{role} {n} " * 40}
        for n in range(40)
        for role in ("user", "assistant")
    ]
    answer = post(strict, wire, {"model": f"new-{wire}", "max_tokens": 9, "messages": [*said, HELLO]})
    assert answer.status == 200
    assert answer.header("x-pruning-result") == "cut"
