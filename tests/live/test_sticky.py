"""Whole conversations through the real server, as the upstream sees them."""

from __future__ import annotations

import json
import secrets
from itertools import pairwise
from typing import Any

import openai
import pytest

from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import Answer, ask, chat
from support.conversations import body, call, count, long_chat, own, problems, result
from support.parts import WordEmbedder
from support.server import Live, serve, serve_with, settings_for
from support.sessions import ends, pieces
from support.upstream import Upstream, completion, reply_json

BUDGET = "900/400"
Messages = list[dict[str, Any]]


def key() -> str:
    return f"sk-{secrets.token_hex(8)}"


@pytest.mark.parametrize(("sticky", "asked", "second"), [(False, "on", "sticky"), (True, "off", "cut")])
def test_the_callers_word_on_sticky_wins(
    upstream: Upstream, sticky: bool, asked: str, second: str
) -> None:
    settings = settings_for(upstream.url, sticky=sticky)
    with serve(settings) as live:
        mine = key()
        for wanted in ("cut", second):
            answer = chat(live.url, body(long_chat()), budget=BUDGET, sticky=asked, key=mine)
            assert answer.result == wanted


def common(one: list[bytes], other: list[bytes]) -> int:
    """How many messages two prompts begin with alike."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def tokens_of(messages: list[bytes]) -> int:
    return count({"messages": [json.loads(m) for m in messages]})


def with_loops(turns: int) -> Messages:
    """A chat in which every third turn calls tools."""
    messages: Messages = []
    for n, message in enumerate(long_chat(turns)):
        messages.append(message)
        if message["role"] == "user" and n % 6 == 1 and n < 2 * turns:
            messages += [
                call(f"a{n}", f"b{n}"),
                result(f"b{n}", f"row {n}"),
                result(f"a{n}", f"row {n + 1}"),
            ]
            messages += [call(f"c{n}"), result(f"c{n}", f"row {n + 2}")]
    return messages


@pytest.mark.parametrize("streamed", [False, True])
def test_between_cuts_the_prompt_only_grows_at_its_end(
    full: Live, upstream: Upstream, streamed: bool
) -> None:
    messages: Any = with_loops(27)
    previous: list[bytes] = []
    results = []
    with openai.OpenAI(base_url=f"{full.url}/v1", api_key=key(), max_retries=0) as client:
        for end in ends(messages):
            raw = client.chat.completions.with_raw_response.create(
                model="gpt-4o",
                messages=messages[:end],
                stream=streamed,
                extra_headers={"X-Pruning-Budget": BUDGET},
            )
            made: Any = raw.parse()
            words = (
                [c.choices[0].delta.content or "" for c in made]
                if streamed
                else [made.choices[0].message.content]
            )
            assert "".join(words) == "Hello there."
            sent = pieces(upstream.last.body)
            shared = common(previous, sent)
            assert problems(upstream.last.messages) == []
            assert int(raw.headers["x-pruning-tokens-after"]) == tokens_of(sent) <= 900 + 90
            repeated = sent[:shared] if previous else []
            least = [
                m for m in repeated if own([json.loads(m)])
            ]  # what stands for a turn may not be counted
            prefix = int(raw.headers["x-pruning-prefix"])
            assert (
                (tokens_of(least) if least else 0) <= prefix <= (tokens_of(repeated) if repeated else 0)
            )
            if raw.headers["x-pruning-result"] != "cut":
                assert shared == len(previous)
            results.append(raw.headers["x-pruning-result"])
            previous = sent
    assert len(results) > 40
    assert results[0] == "untouched"
    assert results.count("sticky") > 4 * results.count("cut") > 4


def rewriting(messages: Messages, n: int) -> Messages:
    """The messages of a caller who writes the time into them."""
    return [{"role": "system", "content": f"It is {n} o'clock."}, *messages[1:]]


def test_a_caller_that_rewrites_its_history_keeps_its_decisions_by_naming_a_session(
    quick: Live, upstream: Upstream
) -> None:
    messages = long_chat(40)
    named, nameless = [], []
    mine = key()
    for n, end in enumerate(list(ends(messages))[-8:]):
        asked = body(rewriting(messages[:end], n))
        answer = chat(quick.url, asked, budget=BUDGET, key=mine, session="one")
        named.append((answer.result, [m["content"] for m in upstream.last.messages[1:]]))
        nameless.append(chat(quick.url, asked, budget=BUDGET, key=mine).result)
    assert [r for r, _ in named] == ["cut"] + ["sticky"] * 7
    for (_, before), (_, after) in pairwise(named):
        assert after[: len(before)] == before
    assert nameless == ["cut"] * 8


def test_sessions_of_one_caller_and_of_two_are_apart(quick: Live, upstream: Upstream) -> None:
    messages = body(long_chat(40))
    mine = key()
    assert chat(quick.url, messages, budget=BUDGET, key=mine, session="one").result == "cut"
    assert chat(quick.url, messages, budget=BUDGET, key=mine, session="two").result == "cut"
    assert chat(quick.url, messages, budget=BUDGET, key=key(), session="one").result == "cut"
    assert chat(quick.url, messages, budget=BUDGET, key=mine, session="one").result == "sticky"


@pytest.mark.parametrize(
    "headers",
    [{"sticky": "off"}, {"pruning": "dry-run"}, {"pruning": "off"}],
    ids=["off", "dry", "relay"],
)
def test_what_is_decided_afresh_or_for_show_is_not_remembered(
    quick: Live, upstream: Upstream, headers: dict[str, str]
) -> None:
    messages = long_chat(40)
    mine = key()
    for _ in range(2):
        answer = chat(quick.url, body(messages), budget=BUDGET, key=mine, **headers)
        assert answer.result in ("cut", "dry-run", "off")
        assert answer.header("x-pruning-prefix") in ("0", None)
    answer = chat(quick.url, body(messages), budget=BUDGET, key=mine)
    assert (answer.result, answer.header("x-pruning-prefix")) == ("cut", "0")


def test_deciding_afresh_leaves_what_is_remembered_alone(quick: Live, upstream: Upstream) -> None:
    messages = long_chat(40)
    mine = key()
    chat(quick.url, body(messages), budget=BUDGET, key=mine)
    first = upstream.last.body
    for more in ({"sticky": "off"}, {"pruning": "dry-run"}):
        chat(quick.url, body(messages), budget="500", key=mine, **more)
    assert chat(quick.url, body(messages), budget=BUDGET, key=mine).result == "sticky"
    assert upstream.last.body == first


def test_a_proxy_told_to_never_stick_decides_afresh_unless_a_caller_asks(upstream: Upstream) -> None:
    with serve_with(settings_for(upstream.url, sticky=False), WordEmbedder(), InMemory()) as live:
        assert [
            chat(live.url, body(long_chat(40)), budget=BUDGET, key="sk-1").result for _ in range(2)
        ] == ["cut"] * 2


def marked(messages: Messages) -> Messages:
    """As Anthropic's clients send it: marks on the instructions and on the last two user turns."""
    users = [i for i, m in enumerate(messages) if m["role"] == "user"][-2:]
    given = []
    for i, message in enumerate(messages):
        part = {"type": "text", "text": message["content"]}
        if i in users or message["role"] == "system":
            given.append({**message, "content": [{**part, "cache_control": {"type": "ephemeral"}}]})
        else:
            given.append({**message, "content": [part] if i % 2 else message["content"]})
    return given


def said(messages: Messages) -> list[tuple[str, str]]:
    """Who says what, however it is written."""
    texts = [(m["role"], m["content"]) for m in messages]
    return [
        (role, c if isinstance(c, str) else "".join(part["text"] for part in c)) for role, c in texts
    ]


def test_cache_marks_that_move_along_keep_the_decisions(quick: Live, upstream: Upstream) -> None:
    messages = long_chat(40)
    mine = key()
    previous: list[tuple[str, str]] = []
    results = []
    for end in ends(messages):
        results.append(chat(quick.url, body(marked(messages[:end])), budget=BUDGET, key=mine).result)
        sent = said(upstream.last.messages)
        if results[-1] != "cut":
            assert sent[: len(previous)] == previous
        previous = sent
        assert "cache_control" in str(upstream.last.messages[-1])
        assert "cache_control" in str(upstream.last.messages[0])
    assert results.count("sticky") > results.count("cut") > 0


def test_the_same_words_as_a_string_and_as_a_list_are_the_same_history(
    quick: Live, upstream: Upstream
) -> None:
    messages = long_chat(40)
    mine = key()
    assert chat(quick.url, body(messages), budget=BUDGET, key=mine).result == "cut"
    first = said(upstream.last.messages)
    as_lists = [{**m, "content": [{"type": "text", "text": m["content"]}]} for m in messages]
    assert chat(quick.url, body(as_lists), budget=BUDGET, key=mine).result == "sticky"
    assert said(upstream.last.messages) == first


def test_a_message_with_a_cache_mark_is_never_dropped(quick: Live, upstream: Upstream) -> None:
    messages = long_chat(40)
    plain = chat(quick.url, body(messages), budget=BUDGET)
    assert plain.result == "cut"
    position = next(i for i, m in enumerate(messages) if m not in upstream.last.messages)
    words = messages[position]["content"]
    messages[position] = {
        **messages[position], "content": [{"type": "text", "text": words, "cache_control": {"type": "ephemeral"}}]
    }  # fmt: skip
    assert chat(quick.url, body(messages), budget=BUDGET).result == "cut"
    assert messages[position] in upstream.last.messages
    assert (
        upstream.last.messages[: position + 1] == messages[: position + 1]
    )  # and all before it, as it fits


def test_two_callers_with_the_same_conversation_never_meet(quick: Live, upstream: Upstream) -> None:
    messages = long_chat(40)
    one, two = key(), key()
    assert chat(quick.url, body(messages), budget=BUDGET, key=one).result == "cut"
    mine = upstream.last.body
    answer = chat(quick.url, body(messages), budget="2000/1500", key=two)
    assert (answer.result, answer.header("x-pruning-prefix")) == ("cut", "0")
    theirs = upstream.last.body
    assert theirs != mine
    for caller, budget, sent in ((one, BUDGET, mine), (two, "2000/1500", theirs)):
        assert chat(quick.url, body(messages), budget=budget, key=caller).result == "sticky"
        assert upstream.last.body == sent


FACT = {
    "role": "user",
    "content": "By the way, my locker combination at the pool is 48-12-7, should I ever stand there without my notes.",
}
QUESTION = "Which numbers open the locker at my swimming pool?"


def forgetful(live: Live, upstream: Upstream, mine: str) -> Messages:
    """Return a conversation of which a fact was dropped."""
    messages = long_chat(40)[:-1]
    messages[11:11] = [FACT, {"role": "assistant", "content": "Noted."}]
    talk = [*messages, {"role": "user", "content": "The tomatoes in my garden did well in the sun."}]
    assert chat(live.url, body(talk), budget="1500/500", key=mine).result == "cut"
    assert FACT not in upstream.last.messages
    return [*talk, {"role": "assistant", "content": "Good."}]


def test_what_a_later_turn_needs_is_quoted_and_stays_with_that_turn(
    full: Live, upstream: Upstream
) -> None:
    mine = key()
    talk = forgetful(full, upstream, mine)
    before = pieces(upstream.last.body)
    talk += [{"role": "user", "content": QUESTION}]
    answer = chat(full.url, body(talk), budget="1500/500", key=mine)
    sent = pieces(upstream.last.body)
    assert answer.result == "sticky"
    assert answer.segments["recalled"] >= 1
    assert sent[: len(before)] == before
    quoted = upstream.last.messages[-1]["content"]
    assert FACT["content"] in quoted
    assert quoted.endswith(QUESTION)
    talk += [call("x"), result("x")]
    assert chat(full.url, body(talk), budget="1500/500", key=mine).result == "sticky"
    assert pieces(upstream.last.body)[: len(sent)] == sent
    talk += [{"role": "assistant", "content": "48-12-7."}, {"role": "user", "content": "thanks!"}]
    thanks = chat(full.url, body(talk), budget="1500/500", key=mine)
    assert pieces(upstream.last.body)[: len(sent)] == sent
    assert upstream.last.messages[-1]["content"] == "thanks!"
    assert thanks.segments["recalled"] == answer.segments["recalled"]


def test_a_turn_of_parts_gets_its_excerpts_ahead_of_its_first_text(
    full: Live, upstream: Upstream
) -> None:
    mine = key()
    part = {"type": "text", "text": QUESTION}
    talk = [*forgetful(full, upstream, mine), {"role": "user", "content": [part]}]
    answer: Answer = chat(full.url, body(talk), budget="1500/500", key=mine)
    assert answer.segments["recalled"] >= 1
    said = upstream.last.messages[-1]["content"]
    assert [(p["type"], p["text"].endswith(QUESTION)) for p in said] == [("text", True)]
    assert FACT["content"] in said[0]["text"]


def test_a_policy_without_recall_quotes_nothing(upstream: Upstream) -> None:
    policies = {"silent": {"preset": "balanced", "recall": {"enabled": False}}}
    with serve(settings_for(upstream.url, policies=policies, policy="silent")) as live:
        talk = [*forgetful(live, upstream, "sk-1"), {"role": "user", "content": QUESTION}]
        assert chat(live.url, body(talk), budget="1500/500", key="sk-1").segments["recalled"] == 0
        assert upstream.last.messages[-1]["content"] == QUESTION


def test_an_outcome_tells_of_the_prefix_and_of_what_the_upstream_had_cached(upstream: Upstream) -> None:
    usage = {
        "prompt_tokens": 390,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 256},
    }
    upstream.script = reply_json({**completion("Hello."), "usage": usage})
    with serve_with(settings_for(upstream.url), WordEmbedder(), InMemory()) as live:
        answers = [chat(live.url, body(long_chat(40)), budget=BUDGET, key="sk-1") for _ in range(2)]
        outcome = live.services.parts.recent.get(str(answers[1].header("x-pruning-id")))
    assert outcome is not None
    found = outcome.summary()
    assert found["usage"] == {"prompt": 390, "cached": 256}
    assert (
        found["tokens"]["prefix"]
        == found["tokens"]["after"]
        == int(answers[1].header("x-pruning-prefix") or 0)
        > 0
    )


def test_a_session_that_goes_back_keeps_its_latest_turn(quick: Live, upstream: Upstream) -> None:
    messages = long_chat(40)
    mine = key()
    assert chat(quick.url, body(messages), budget=BUDGET, key=mine, session="one").result == "cut"
    gone = [m for m in messages if m["role"] == "user" and m not in upstream.last.messages]
    assert gone
    for asked in gone[:6]:
        back = messages[: messages.index(asked) + 1]
        chat(quick.url, body(back), budget=BUDGET, key=mine, session="one")
        assert upstream.last.messages[-1] == asked


def test_instructions_that_change_keep_the_cut_and_repeat_nothing(
    quick: Live, upstream: Upstream
) -> None:
    mine = key()
    said = [{"role": m["role"], "content": m["content"]} for m in long_chat()[1:]]
    told = []
    for date in ("Monday", "Monday", "Tuesday", "Tuesday"):
        given = {"model": "gpt-4o", "instructions": f"Be brief. It is {date}.", "input": said}
        headers = [("Authorization", f"Bearer {mine}"), ("X-Pruning-Budget", BUDGET)]
        content = json.dumps(given).encode()
        answer = ask(quick.url, "POST", "/v1/responses", content, headers)
        told.append((answer.result, int(answer.header("x-pruning-prefix") or 0) > 0))
    assert told == [("cut", False), ("sticky", True), ("sticky", False), ("sticky", True)]
