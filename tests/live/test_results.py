"""Long tool results through the real server, as the upstream sees them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import Answer, ask, chat
from support.conversations import body, call, problems, result
from support.parts import WordEmbedder
from support.server import Live, serve_with, settings_for
from support.upstream import Upstream

LOG = "\n".join(f"[{n:3}/700] Building object src/module_{n % 9}/part_{n}.o" for n in range(700))
FAULT = "src/part_640.c:88: error: implicit declaration of 'decode_frame'"
TEXT = f"{LOG}\n{FAULT}\n{LOG}"
BUDGET = "40000/20000"
Exchange = Callable[[Live, str, list[str]], Answer]


def post(live: Live, target: str, request: dict[str, Any], key: str) -> Answer:
    headers = [
        ("Content-Type", "application/json"),
        ("Authorization", f"Bearer {key}"),
        ("X-Pruning-Budget", BUDGET),
    ]
    return ask(live.url, "POST", target, json.dumps(request).encode(), headers)


def by_chat(live: Live, key: str, more: list[str]) -> Answer:
    said = [{"role": "user", "content": text} for text in more]
    messages = [
        {"role": "user", "content": "Does it build?"},
        call("a", name="make"),
        result("a", TEXT),
        *said,
    ]
    return post(live, "/v1/chat/completions", body(messages), key)


def by_messages(live: Live, key: str, more: list[str]) -> Answer:
    uses = [{"type": "tool_use", "id": "a", "name": "make", "input": {"target": "all"}}]
    told = [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": TEXT}]}]
    messages: list[Any] = [
        {"role": "user", "content": "Does it build?"},
        {"role": "assistant", "content": uses},
    ]
    messages.append({"role": "user", "content": told})
    for text in more:
        messages += [{"role": "assistant", "content": "No."}, {"role": "user", "content": text}]
    return post(live, "/v1/messages", {"model": "gpt-4o", "max_tokens": 100, "messages": messages}, key)


def by_responses(live: Live, key: str, more: list[str]) -> Answer:
    items: list[Any] = [{"role": "user", "content": "Does it build?"}]
    items.append({"type": "function_call", "call_id": "a", "name": "make", "arguments": "{}"})
    items.append({"type": "function_call_output", "call_id": "a", "output": TEXT})
    items += [{"role": "user", "content": text} for text in more]
    return post(live, "/v1/responses", {"model": "gpt-4o", "input": items}, key)


def entries(raw: bytes) -> list[Any]:
    request = json.loads(raw)
    found: list[Any] = request.get("messages") or request["input"]
    return found


@pytest.mark.parametrize("send", [by_chat, by_messages, by_responses])
def test_a_long_result_is_shortened_once_and_stays_so(
    quick: Live, upstream: Upstream, send: Exchange
) -> None:
    key = f"sk-{secrets.token_hex(8)}"
    first = send(quick, key, [])
    assert first.result == "shortened"
    sent = entries(upstream.last.body)
    assert FAULT in json.dumps(sent)
    assert "left out" in json.dumps(sent)
    assert "birth=" in str(first.header("x-pruning-shortened"))
    second = send(quick, key, ["Mend it."])
    assert second.result == "shortened"
    assert entries(upstream.last.body)[: len(sent)] == sent
    assert second.header("x-pruning-prefix") == first.header("x-pruning-tokens-after")


def test_another_process_sends_the_same_bytes(upstream: Upstream, tmp_path: Path) -> None:
    key = f"sk-{secrets.token_hex(8)}"
    settings = settings_for(upstream.url, state={"type": "sqlite"}, data=tmp_path)
    with serve_with(settings, WordEmbedder(), InMemory()) as live:
        assert by_chat(live, key, []).result == "shortened"
        sent = entries(upstream.last.body)
    with serve_with(settings, WordEmbedder(), InMemory()) as live:
        assert by_chat(live, key, ["Mend it."]).result == "shortened"
        assert entries(upstream.last.body)[: len(sent)] == sent


def test_results_that_were_answered_before_we_came_stay_whole(quick: Live, upstream: Upstream) -> None:
    messages = [{"role": "user", "content": "Does it build?"}, call("a"), result("a", TEXT)]
    messages += [{"role": "assistant", "content": "No."}, {"role": "user", "content": "Mend it."}]
    answer = chat(quick.url, body(messages), budget=BUDGET)
    assert answer.result == "untouched"
    assert upstream.last.body == json.dumps(body(messages)).encode()


def test_an_exact_repeat_becomes_a_pointer(quick: Live, upstream: Upstream) -> None:
    key = f"sk-{secrets.token_hex(8)}"
    lines = "\n".join(f"entry {n} of the catalogue" for n in range(700))
    messages: list[Any] = [
        {"role": "user", "content": "List it."},
        call("a", name="catalogue"),
        result("a", lines),
    ]
    assert chat(quick.url, body(messages), key=key, budget="100000/50000").result == "untouched"
    messages += [call("b", name="catalogue"), result("b", lines)]
    assert chat(quick.url, body(messages), key=key, budget="100000/50000").result == "shortened"
    assert upstream.last.messages[2]["content"] == lines
    assert (
        "the same 700 lines as the earlier result of catalogue" in upstream.last.messages[4]["content"]
    )


def test_a_cut_keeps_the_lines_that_matter_of_an_old_result(quick: Live, upstream: Upstream) -> None:
    messages: list[Any] = [
        {"role": "user", "content": "Does it build?"},
        call("a", name="make"),
        result("a", TEXT),
    ]
    messages += [{"role": "assistant", "content": "There is an error."}]
    messages += [
        {"role": "user", "content": "Mend the error in part_640.c: which declaration is missing?"}
    ]
    answer = chat(quick.url, body(messages), budget="2000", sticky="off")
    assert answer.result == "cut"
    assert int(str(answer.header("x-pruning-tokens-after"))) <= 2000
    assert problems(upstream.last.messages) == []
    assert FAULT in upstream.last.messages[2]["content"]


def test_the_results_that_wait_for_an_answer_are_shortened_where_the_budget_forces_it(
    quick: Live, upstream: Upstream
) -> None:
    messages = [
        {"role": "user", "content": "Does it build?"},
        call("a", name="make"),
        result("a", TEXT),
    ]
    answer = chat(quick.url, body(messages), budget="3000", sticky="off")
    assert answer.result == "cut"
    assert int(str(answer.header("x-pruning-tokens-after"))) <= 3000
    assert FAULT in upstream.last.messages[2]["content"]


@pytest.mark.parametrize("send", [by_chat, by_messages, by_responses])
def test_the_verdict_lists_what_of_a_result_is_shown_and_why(quick: Live, send: Exchange) -> None:
    answer = send(quick, f"sk-{secrets.token_hex(8)}", [])
    found = json.loads(ask(quick.url, "GET", f"/-/outcomes/{answer.header('x-pruning-id')}").body)
    (result,) = [r for verdict in found["verdicts"] for r in verdict["results"]]
    assert (result["tool"], result["when"], result["same"]) == ("make", "birth", None)
    assert result["saved"] > 0
    spans = [(s["start"], s["end"]) for s in result["stretches"]]
    assert spans[0][0] == 0
    assert spans[-1][1] == len(TEXT)
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    reasons = {s["where"]: s["reasons"] for s in result["stretches"] if s["shown"]}
    assert any("reports a failure" in why for why in reasons.values())


def test_short_results_that_wait_for_an_answer_are_shortened_too_where_they_do_not_fit_together(
    quick: Live, upstream: Upstream
) -> None:
    ids = [f"call_{n}" for n in range(12)]
    told = [
        result(i, "\n".join(f"{i} entry {k} of the list is {k * 37}" for k in range(13))) for i in ids
    ]
    messages = [{"role": "user", "content": "Look them all up."}, call(*ids), *told]
    answer = chat(quick.url, body(messages), budget="1500", sticky="off")
    assert answer.result == "cut"
    assert int(str(answer.header("x-pruning-tokens-after"))) <= 1500
    assert problems(upstream.last.messages) == []
