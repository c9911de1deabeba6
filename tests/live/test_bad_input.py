"""Bad input: whatever pruning cannot read is forwarded unchanged, and never a 500 of our own."""

from __future__ import annotations

import json
import logging

import pytest

from support.client import ask, chat
from support.conversations import body, call, long_chat, result
from support.server import Live
from support.upstream import Upstream, reply_json

LONG = "word " * 3000
DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000


def with_messages(messages: bytes) -> bytes:
    """A request over any budget, with those messages as written."""
    return b'{"model": "gpt-4o", "messages": ' + messages + b"}"


UNREADABLE = {
    "empty": b"",
    "not JSON": b"hello",
    "half a JSON": b'{"messages": [{"role": "user"',
    "not UTF-8": b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}',
    "UTF-16": json.dumps(body([])).encode("utf-16"),
    "with a BOM": b"\xef\xbb\xbf" + json.dumps(body([{"role": "user", "content": LONG}])).encode(),
    "an array": b"[1, 2]",
    "a number": b"1",
    "null": b"null",
    "a string": b'"hi"',
    "an empty object": b"{}",
    "no messages": b'{"model": "gpt-4o", "prompt": "hi"}',
    "messages null": with_messages(b"null"),
    "messages a string": with_messages(b'"hi"'),
    "messages an object": with_messages(b'{"role": "user"}'),
    "messages of numbers": with_messages(b"[1, 2]"),
    "messages of nulls": with_messages(b"[null]"),
    "messages of lists": with_messages(b"[[]]"),
    "a message without a role": with_messages(b'[{"content": "hi"}]'),
    "an unknown role": with_messages(json.dumps([{"role": "critic", "content": LONG}]).encode()),
    "a role that is a number": with_messages(json.dumps([{"role": 1, "content": LONG}]).encode()),
    "a role that is a list": with_messages(json.dumps([{"role": ["user"], "content": LONG}]).encode()),
    "a role that is an object": with_messages(json.dumps([{"role": {}, "content": LONG}]).encode()),
    "content a number": with_messages(json.dumps([{"role": "user", "content": 7}]).encode()),
    "content an object": with_messages(
        json.dumps([{"role": "user", "content": {"text": LONG}}]).encode()
    ),
    "an unknown part": with_messages(
        json.dumps([{"role": "user", "content": [{"type": "hologram"}]}]).encode()
    ),
    "a part that is a string": with_messages(
        json.dumps([{"role": "user", "content": ["hi"]}]).encode()
    ),
    "a part whose type is a list": with_messages(
        json.dumps([{"role": "user", "content": [{"type": []}]}]).encode()
    ),
    "a text part without text": with_messages(
        json.dumps([{"role": "user", "content": [{"type": "text"}]}]).encode()
    ),
    "a text part with a number": with_messages(
        b'[{"role": "user", "content": [{"type": "text", "text": 1}]}]'
    ),
    "tool_calls a string": with_messages(
        json.dumps([{"role": "assistant", "tool_calls": "x"}]).encode()
    ),
    "tool_calls of numbers": with_messages(
        json.dumps([{"role": "assistant", "tool_calls": [1]}]).encode()
    ),
    "a call without an id": with_messages(
        json.dumps([{"role": "assistant", "tool_calls": [{}]}]).encode()
    ),
    "a call whose function is a string": with_messages(
        b'[{"role": "assistant", "tool_calls": [{"function": "x"}]}]'
    ),
    "function_call a string": with_messages(
        json.dumps([{"role": "assistant", "function_call": "auto"}]).encode()
    ),
    "a result with a number for its id": with_messages(
        b'[{"role": "tool", "tool_call_id": 1, "content": "x"}]'
    ),
    "NaN": b'{"messages": [{"role": "user", "content": "hi"}], "temperature": NaN}',
    "NaN in a message": with_messages(b'[{"role": "user", "content": "hi", "x": NaN}]'),
    "Infinity": b'{"messages": [], "top_p": -Infinity}',
    "a huge number": b'{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1e999}',
    "a number of many digits": b'{"messages": [], "max_tokens": ' + b"9" * 5000 + b"}",
    "a lone surrogate": with_messages(b'[{"role": "user", "content": "\\ud800"}]'),
    "a lone surrogate in a name": with_messages(
        b'[{"role": "user", "name": "\\udfff", "content": "hi"}]'
    ),
    "a lone surrogate as the model": b'{"model": "\\ud800", "messages": []}',
    "a NUL in the text": with_messages(b'[{"role": "user", "content": "a\\u0000b"}]'),
    "a raw control character": with_messages(b'[{"role": "user", "content": "a\x01b"}]'),
    "duplicate keys": b'{"messages": [], "model": "a", "messages": [{"role": "user", "content": "hi"}], "model": 7}',
    "duplicate keys in a message": with_messages(
        b'[{"role": "user", "role": "critic", "content": "hi"}]'
    ),
    "empty messages": with_messages(b"[]"),
    "content null": with_messages(b'[{"role": "assistant", "content": null}]'),
    "a model that is a number": b'{"model": 4, "messages": [{"role": "user", "content": "hi"}]}',
    "a model that is null": b'{"model": null, "messages": [{"role": "user", "content": "hi"}]}',
    "an empty model": b'{"model": "", "messages": [{"role": "user", "content": "hi"}]}',
    "a model with slashes": b'{"model": "///", "messages": [{"role": "user", "content": "hi"}]}',
    "a fine-tune without a base": b'{"model": "ft:", "messages": [{"role": "user", "content": "hi"}]}',
    "tools a string": b'{"tools": "x", "messages": [{"role": "user", "content": "hi"}]}',
    "tools of numbers": b'{"tools": [1, null, {}], "messages": [{"role": "user", "content": "hi"}]}',
    "a wild schema": b'{"tools": [{"function": {"name": "f", "parameters": {"properties": {"a": 1, "b": {"enum": 3}}'
    b', "anyOf": 2, "$defs": []}}}], "messages": []}',
    "response_format a string": b'{"response_format": "json", "messages": [{"role": "user", "content": "hi"}]}',
    "negative max_tokens": b'{"max_tokens": -5, "messages": [{"role": "user", "content": "hi"}]}',
    "max_tokens a string": b'{"max_tokens": "5", "messages": [{"role": "user", "content": "hi"}]}',
    "max_tokens above the window": b'{"model": "gpt-4o", "max_tokens": 99999999, "messages": []}',
    "deep nesting": DEEP,
    "deep nesting in an extra field": b'{"messages": [], "metadata": ' + DEEP + b"}",
    "deep nesting as messages": with_messages(b"[" * 5000 + b"]" * 5000),
    "deep nesting as a message": with_messages(b"[" + DEEP + b"]"),
    "deep nesting in content": with_messages(
        b'[{"role": "user", "content": ' + b"[" * 5000 + b"]" * 5000 + b"}]"
    ),
    "deep nesting in tools": b'{"tools": [{"function": {"name": "f", "parameters": '
    + DEEP
    + b'}}], "messages": []}',
    "nesting that JSON readers still take": with_messages(
        b'[{"role": "assistant", "tool_calls": [{"id": "a", "x": '
        + b'{"a":' * 900
        + b"1"
        + b"}" * 900
        + b"}]}]"
    ),
    "trailing garbage": json.dumps(body([{"role": "user", "content": "hi"}])).encode() + b"}",
}

# Invalid or empty, but each message can be read: over the budget some of it may go.
ODD = {
    "a result without its call": with_messages(
        json.dumps([result("call_9"), {"role": "user", "content": "?"}]).encode()
    ),
    "a call without its result": with_messages(
        json.dumps([call("call_1"), {"role": "user", "content": "?"}]).encode()
    ),
    "empty content": with_messages(
        b'[{"role": "user", "content": ""}, {"role": "user", "content": []}]'
    ),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("budget", ["1", "100000"])
def test_odd_conversations_are_answered_by_the_upstream(
    quick: Live, upstream: Upstream, name: str, budget: str
) -> None:
    answer = chat(quick.url, ODD[name], budget=budget)
    assert answer.status == 200
    assert upstream.last.messages
    assert answer.result in ("cut", "over") or upstream.last.body == ODD[name]


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("budget", ["1", "100000"])
def test_what_cannot_be_read_is_forwarded_unchanged(
    quick: Live, upstream: Upstream, name: str, budget: str
) -> None:
    upstream.script = reply_json({"ok": True})
    answer = chat(quick.url, UNREADABLE[name], budget=budget)
    assert (answer.status, answer.json) == (200, {"ok": True})
    assert answer.result in ("failed", "untouched", "over")
    assert upstream.last.body == UNREADABLE[name]
    assert len(upstream.received) == 1


def test_the_upstreams_own_verdict_on_bad_input_reaches_the_caller(
    quick: Live, upstream: Upstream
) -> None:
    upstream.script = reply_json({"error": {"message": "we could not parse that"}}, 400)
    answer = chat(quick.url, b"hello")
    assert (answer.status, answer.json) == (400, {"error": {"message": "we could not parse that"}})
    assert answer.result == "failed"


def test_a_body_that_cannot_be_read_is_counted_and_logged_once(
    quick: Live, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    chat(quick.url, body([]), pruning="on")
    before = quick.failures.get("parse", 0)
    with caplog.at_level(logging.INFO):
        answer = chat(quick.url, b"[]")
    told = [r for r in caplog.records if "parse" in r.getMessage() and r.levelno >= logging.WARNING]
    assert len(told) == 1
    assert str(answer.header("x-pruning-id")) in told[0].getMessage()
    assert quick.failures["parse"] == before + 1


BAD_HEADERS = [
    ("X-Pruning", "yes", "dry-run"),
    ("X-Pruning", "", "dry-run"),
    ("X-Pruning", "ON", "dry-run"),
    ("X-Pruning", "shadow", "dry-run"),
    ("X-Pruning-Policy", "nope", "balanced"),
    ("X-Pruning-Policy", "", "balanced"),
    ("X-Pruning-Budget", "many", "16000/8000"),
    ("X-Pruning-Budget", "", "16000/8000"),
    ("X-Pruning-Budget", "0", "16000/8000"),
    ("X-Pruning-Budget", "-1", "16000/8000"),
    ("X-Pruning-Budget", "1.5", "16000/8000"),
    ("X-Pruning-Budget", "1e4", "16000/8000"),
    ("X-Pruning-Budget", "16k", "16000/8000"),
    ("X-Pruning-Budget", "100/", "16000/8000"),
    ("X-Pruning-Budget", "/100", "16000/8000"),
    ("X-Pruning-Budget", "100/50/25", "16000/8000"),
    ("X-Pruning-Budget", "8000/16000", "low no larger than high"),
    ("X-Pruning-Budget", "9" * 400, "16000/8000"),
    ("X-Pruning-Budget", "\u00b2", "16000/8000"),
    ("X-Pruning-Sticky", "maybe", "on or off"),
    ("X-Pruning-Session", "", "1 to 128"),
    ("X-Pruning-Session", "two words", "1 to 128"),
    ("X-Pruning-Session", "x" * 129, "1 to 128"),
    ("X-Pruning-Session", "caf\u00e9", "1 to 128"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), BAD_HEADERS)
def test_a_bad_pruning_header_is_a_400_that_names_it(
    quick: Live, upstream: Upstream, name: str, value: str, allowed: str
) -> None:
    answer = ask(quick.url, "POST", "/v1/chat/completions", b'{"messages": []}', [(name, value)])
    assert answer.status == 400
    error = answer.json["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert f"{name}:" in error["message"]
    assert value[:50] in error["message"]
    assert allowed in error["message"]
    assert not upstream.received


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Pruning", "on"), ("X-Pruning", "off"), ("X-Pruning", "dry-run"), ("X-Pruning-Policy", "balanced"),
        ("X-Pruning-Budget", "16000"), ("X-Pruning-Budget", "16000/8000"), ("X-Pruning-Budget", "16000/16000"),
        ("X-Pruning-Sticky", "on"), ("X-Pruning-Sticky", "off"), ("X-Pruning-Session", "abc-123"),
    ],
)  # fmt: skip
def test_every_allowed_value_of_a_pruning_header_is_taken(
    quick: Live, upstream: Upstream, name: str, value: str
) -> None:
    answer = ask(quick.url, "POST", "/v1/chat/completions", b'{"messages": []}', [(name, value)])
    assert answer.status == 200
    assert not [n for n, _ in upstream.last.headers if n.lower().startswith("x-pruning")]


def test_pins_that_exceed_the_budget_alone_are_forwarded_with_all_else_dropped(
    quick: Live, upstream: Upstream
) -> None:
    messages = [
        {"role": "system", "content": "rules " * 300},
        *long_chat()[1:-1],
        {"role": "user", "content": "now " * 300},
    ]
    tools = [
        {
            "type": "function",
            "function": {"name": "look_up", "description": "tool " * 300, "parameters": {}},
        }
    ]
    answer = chat(quick.url, body(messages, tools=tools), budget="500")
    assert answer.status == 200
    assert answer.result == "over"
    assert upstream.last.messages == [messages[0], messages[-1]]
    assert upstream.last.json["tools"] == tools
    assert answer.segments == {
        "total": len(messages),
        "kept": 2,
        "dropped": len(messages) - 2,
        "recalled": 0,
    }
    assert int(answer.header("x-pruning-tokens-after") or 0) > 500


def test_a_single_message_over_the_budget_is_forwarded_as_it_is(
    quick: Live, upstream: Upstream
) -> None:
    content = json.dumps(body([{"role": "user", "content": LONG}]), indent=1).encode()
    answer = chat(quick.url, content, budget="100")
    assert answer.status == 200
    assert answer.result == "over"
    assert upstream.last.body == content
    assert int(answer.header("x-pruning-tokens-after") or 0) > 100
