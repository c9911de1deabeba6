"""The HTTP contract: our headers in both directions, modes, and looking an outcome up."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import ask, chat
from support.conversations import body, call, count, long_chat, own, problems, result
from support.parts import WordEmbedder
from support.server import Live, serve, serve_with, settings_for
from support.upstream import Upstream, reply_json

KEY = "sk-very-secret-0123456789"


@pytest.mark.parametrize("streamed", [False, True])
def test_all_headers_of_the_contract_are_on_a_cut_answer(
    full: Live, upstream: Upstream, streamed: bool
) -> None:
    messages = long_chat()
    answer = chat(full.url, body(messages, stream=streamed), budget="1000/500")
    assert answer.status == 200
    assert answer.result == "cut"
    assert answer.header("x-pruning-policy") == "balanced"
    before, after = (
        int(answer.header(f"x-pruning-tokens-{when}") or 0) for when in ("before", "after")
    )
    assert before == count(body(messages))
    assert after == count(upstream.last.json)
    assert after <= 500 < 1000 < before
    kept = len(own(upstream.last.messages))
    assert answer.segments == {
        "total": len(messages),
        "kept": kept,
        "dropped": len(messages) - kept,
        "recalled": 0,
    }
    assert re.fullmatch(r"[\w-]+", answer.header("x-pruning-id") or "")
    assert all(len(answer.all(name)) == 1 for name, _ in answer.headers)


@pytest.mark.parametrize("streamed", [False, True])
def test_server_timing_names_the_stages_and_the_upstream(
    full: Live, upstream: Upstream, streamed: bool
) -> None:
    answer = chat(full.url, body(long_chat(), stream=streamed), budget="500")
    timing = answer.header("server-timing") or ""
    rows = dict(row.split(";dur=") for row in timing.split(", "))
    assert {"parse", "embed", "select", "upstream"} <= rows.keys()
    assert all(float(ms) >= 0 for ms in rows.values())


def test_what_is_under_budget_is_untouched_to_the_byte(full: Live, upstream: Upstream) -> None:
    content = json.dumps(body(long_chat()), indent=2).encode()
    answer = chat(full.url, content)
    assert answer.result == "untouched"
    assert upstream.last.body == content


CONTRACT = {
    "x-pruning-result", "x-pruning-policy", "x-pruning-tokens-before", "x-pruning-tokens-after", "x-pruning-prefix",
    "x-pruning-segments", "x-pruning-id", "server-timing",
}  # fmt: skip


@pytest.mark.parametrize("turns", [0, 1, 40])
@pytest.mark.parametrize("budget", [None, "100"])
def test_every_answer_carries_every_header_and_counts(
    quick: Live, upstream: Upstream, turns: int, budget: str | None
) -> None:
    request = body(long_chat(turns))
    answer = chat(quick.url, request, **({"budget": budget} if budget else {}))
    assert {
        name for name, _ in answer.headers if name.startswith("x-pruning") or name == "server-timing"
    } == CONTRACT
    assert int(answer.header("x-pruning-tokens-before") or 0) == count(request)
    assert int(answer.header("x-pruning-tokens-after") or 0) == count(upstream.last.json)
    assert answer.segments["total"] == len(request["messages"])


def test_an_error_of_the_upstream_carries_every_header_too(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply_json({"error": {}}, 429)
    answer = chat(quick.url, body(long_chat(2)))
    assert answer.status == 429
    assert {name for name, _ in answer.headers} >= CONTRACT


def test_a_prompt_that_stays_over_its_budget_says_so(quick: Live, upstream: Upstream) -> None:
    question = {"role": "user", "content": "word " * 500}
    answer = chat(quick.url, body([*long_chat(5), question]), budget="300/200")
    assert (answer.status, answer.result) == (200, "over")
    assert upstream.last.messages == [long_chat()[0], question]
    assert int(answer.header("x-pruning-tokens-after") or 0) == count(upstream.last.json) > 300


def test_a_prompt_of_exactly_the_high_watermark_is_untouched(quick: Live, upstream: Upstream) -> None:
    tokens = count(body(long_chat()))
    assert chat(quick.url, body(long_chat()), budget=f"{tokens}/100").result == "untouched"
    assert chat(quick.url, body(long_chat()), budget=f"{tokens - 1}/100").result == "cut"


def test_a_cut_goes_down_to_the_low_watermark(quick: Live, upstream: Upstream) -> None:
    answer = chat(quick.url, body(long_chat()), budget="1500/600")
    after = int(answer.header("x-pruning-tokens-after") or 0)
    assert 500 < after <= 600


def test_what_the_latest_turn_asks_for_survives(full: Live, upstream: Upstream) -> None:
    fact = {"role": "user", "content": "By the way, my locker combination at the pool is 48-12-7."}
    messages = long_chat(40, question="Which numbers open the locker at my swimming pool?")
    messages.insert(21, fact)
    answer = chat(full.url, body(messages), budget="600")
    assert answer.result == "cut"
    assert fact in upstream.last.messages


def test_kept_messages_are_the_callers_own_bytes_in_order(full: Live, upstream: Upstream) -> None:
    rows = [
        json.dumps(m, ensure_ascii=bool(n % 2), indent=n % 3 or None) for n, m in enumerate(long_chat())
    ]
    rows[7] = rows[7].replace("note", "n\\u00f6te \\/ \\ud83d\\ude00")
    content = (
        '{ "messages" : ['
        + " ,\n".join(rows)
        + '],"model":"gpt-4o", "temperature": 0.30, "user":"\\u00e9"}'
    ).encode()
    chat(full.url, content, budget="700")
    rest = upstream.last.body
    position = 0
    kept = 0
    for row in rows:
        found = rest.find(row.encode(), position)
        if found >= 0:
            position, kept = found + len(row.encode()), kept + 1
    assert kept == len(own(upstream.last.messages))
    assert b'"temperature":0.30' in rest.replace(b" ", b"")
    assert b'"\\u00e9"' in rest


def test_everything_but_the_messages_is_forwarded_as_it_was(quick: Live, upstream: Upstream) -> None:
    more: dict[str, Any] = {
        "temperature": 0.1, "tools": [{"type": "function", "function": {"name": "f"}}], "seed": 2**53 + 1,
        "stop": ["\n"],
        "x_unknown": {"a": [None, True]}, "response_format": {"type": "json_object"}, "max_tokens": 5,
    }  # fmt: skip
    chat(quick.url, body(long_chat(), **more), budget="500")
    assert {k: v for k, v in upstream.last.json.items() if k not in ("messages", "model")} == more


def test_the_length_of_a_pruned_body_is_stated(quick: Live, upstream: Upstream) -> None:
    chat(quick.url, body(long_chat()), budget="500")
    assert upstream.last.header("content-length") == str(len(upstream.last.body))


def test_our_headers_never_reach_the_upstream(quick: Live, upstream: Upstream) -> None:
    chat(
        quick.url,
        body(long_chat()),
        budget="500",
        pruning="on",
        policy="balanced",
        sticky="off",
        session="abc",
    )
    assert not [n for n, _ in upstream.last.headers if "pruning" in n.lower()]
    ask(
        quick.url, "GET", "/v1/models", headers=[("X-Pruning", "off"), ("X-PRUNING-BUDGET", "nonsense")]
    )
    assert not [n for n, _ in upstream.last.headers if "pruning" in n.lower()]


def test_our_headers_are_on_pruned_paths_only(quick: Live, upstream: Upstream) -> None:
    for method, path in [
        ("GET", "/v1/models"),
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/embeddings"),
    ]:
        answer = ask(quick.url, method, path, b"{}")
        assert answer.result is None
        assert answer.header("server-timing") is None


def test_off_forwards_unchanged_and_says_so(quick: Live, upstream: Upstream) -> None:
    content = json.dumps(body(long_chat())).encode()
    answer = chat(quick.url, content, pruning="off", budget="100")
    assert answer.result == "off"
    assert answer.header("x-pruning-id")
    assert answer.header("x-pruning-policy") == "balanced"
    assert upstream.last.body == content


def test_dry_run_reports_what_it_would_do_and_forwards_unchanged(
    quick: Live, upstream: Upstream
) -> None:
    content = json.dumps(body(long_chat())).encode()
    wet = chat(quick.url, content, budget="500")
    dry = chat(quick.url, content, budget="500", pruning="dry-run")
    assert dry.result == "dry-run"
    assert upstream.last.body == content
    assert dry.segments == wet.segments
    assert dry.header("x-pruning-tokens-after") == wet.header("x-pruning-tokens-after")


@pytest.mark.parametrize(("mode", "says"), [("shadow", "dry-run"), ("off", "off")])
def test_the_mode_of_the_settings_holds_unless_the_caller_says_otherwise(
    upstream: Upstream, mode: str, says: str
) -> None:
    content = json.dumps(body(long_chat())).encode()
    with serve_with(settings_for(upstream.url, mode=mode), WordEmbedder(), InMemory()) as live:
        assert chat(live.url, content, budget="500").result == says
        assert upstream.last.body == content
        assert chat(live.url, content, budget="500", pruning="on").result == "cut"
        assert upstream.last.body != content


def test_the_budget_follows_from_the_models_window(upstream: Upstream) -> None:
    window = {"models": {"tiny": 1000}, "reserve_output": 0.2}
    settings = settings_for(upstream.url, window=window, budget={"high": 0.5, "low": 0.25})
    with serve_with(settings, WordEmbedder(), InMemory()) as live:
        answer = chat(live.url, body(long_chat(), model="tiny"))
        assert answer.result == "cut"
        found = ask(live.url, "GET", f"/-/outcomes/{answer.header('x-pruning-id')}").json
        assert found["budget"] == {"high": 400, "low": 200}
        assert found["window"] == {"tokens": 1000, "source": "config"}
        chat(live.url, body(long_chat(), model="tiny", max_completion_tokens=500))
        assert count(upstream.last.json) <= 125


def test_a_policy_of_the_settings_can_be_asked_for(upstream: Upstream) -> None:
    policies = {
        "newest": {"signals": {"recency": {"half_life_turns": 1}}, "pins": {"first_user": False}}
    }
    with serve_with(settings_for(upstream.url, policies=policies), WordEmbedder(), InMemory()) as live:
        answer = chat(live.url, body(long_chat()), budget="500", policy="newest")
        messages = long_chat()
        kept = upstream.last.messages
        assert answer.header("x-pruning-policy") == "newest"
        assert kept == [messages[0], *messages[-(len(kept) - 1) :]]


def test_a_policy_that_the_caller_names_decides_afresh_and_is_told(upstream: Upstream) -> None:
    policies = {
        "newest": {"signals": {"recency": {"half_life_turns": 1}}, "pins": {"first_user": False}}
    }
    with serve_with(settings_for(upstream.url, policies=policies), WordEmbedder(), InMemory()) as live:
        messages = long_chat()

        def ask_for(policy: str | None = None) -> tuple[str | None, str | None]:
            """Send what has grown by a turn; return the result and who decided."""
            messages.extend(
                [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": "And then?"}]
            )
            named = {"policy": policy} if policy else {}
            answer = chat(live.url, body(messages), budget="900/500", key=KEY, **named)
            return answer.result, answer.header("x-pruning-policy")

        assert ask_for() == ("cut", "balanced")
        assert ask_for() == ("sticky", "balanced")
        assert ask_for("newest") == ("cut", "newest")
        assert ask_for("newest") == ("sticky", "newest")
        assert ask_for() == ("sticky", "newest"), "who says nothing goes on with what was decided"
        assert ask_for("balanced") == ("cut", "balanced")


def test_another_model_decides_afresh(quick: Live, upstream: Upstream) -> None:
    request = body(long_chat())
    assert chat(quick.url, request, budget="900/500", key="sk-models").result == "cut"
    assert chat(quick.url, request, budget="900/500", key="sk-models").result == "sticky"
    assert (
        chat(quick.url, {**request, "model": "gpt-4o-mini"}, budget="900/500", key="sk-models").result
        == "cut"
    )


def test_an_outcome_can_be_looked_up_by_its_id(full: Live, upstream: Upstream) -> None:
    messages = long_chat()
    answer = chat(full.url, body(messages), budget="1000/500")
    found = ask(full.url, "GET", f"/-/outcomes/{answer.header('x-pruning-id')}").json
    assert (found["result"], found["policy"], found["model"], found["status"]) == (
        "cut",
        "balanced",
        "gpt-4o",
        200,
    )
    assert found["budget"] == {"high": 1000, "low": 500}
    assert found["segments"] == answer.segments
    assert str(found["tokens"]["after"]) == answer.header("x-pruning-tokens-after")
    verdicts = found["verdicts"]
    assert len(verdicts) == len(messages)
    kept = [m for m, v in zip(messages, verdicts, strict=True) if v["fate"] == "kept"]
    assert kept == own(upstream.last.messages)
    assert all(v["reason"] for v in verdicts)
    for verdict in verdicts:
        assert verdict["score"] == pytest.approx(sum(verdict["shares"].values()), abs=0.001)


def test_an_outcome_never_holds_the_text_of_the_messages(full: Live, upstream: Upstream) -> None:
    messages = [*long_chat()[:-1], {"role": "user", "content": "xylophone marmalade?"}]
    answer = chat(full.url, body(messages), budget="500")
    text = ask(full.url, "GET", f"/-/outcomes/{answer.header('x-pruning-id')}").body.decode()
    assert "xylophone" not in text
    assert "harbour" not in text


def test_an_unknown_outcome_is_a_404(quick: Live) -> None:
    answer = ask(quick.url, "GET", "/-/outcomes/prn-nothing")
    assert answer.status == 404
    assert "prn-nothing" in answer.body.decode()


def test_only_the_latest_outcomes_are_kept(upstream: Upstream) -> None:
    with serve(settings_for(upstream.url, recent={"max_outcomes": 2})) as live:
        keys = [chat(live.url, body([])).header("x-pruning-id") for _ in range(3)]
        assert [ask(live.url, "GET", f"/-/outcomes/{key}").status for key in keys] == [404, 200, 200]


def test_an_outcome_notes_the_upstreams_error(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply_json({"error": {}}, 429)
    answer = chat(quick.url, body([]))
    assert ask(quick.url, "GET", f"/-/outcomes/{answer.header('x-pruning-id')}").json["status"] == 429


def test_ids_are_never_given_twice(quick: Live, upstream: Upstream) -> None:
    keys = {chat(quick.url, body([])).header("x-pruning-id") for _ in range(20)}
    assert len(keys) == 20


def test_parallel_tool_calls_stay_with_their_results(full: Live, upstream: Upstream) -> None:
    messages: list[dict[str, Any]] = [{"role": "system", "content": "s"}]
    for n in range(30):
        messages += [
            {
                "role": "user",
                "content": f"Look up item {n} and item {n + 100}, please, they are for order {n}.",
            },
            call(f"a{n}", f"b{n}"),
            result(f"b{n}", f"item {n + 100} costs {n} euros"),
            result(f"a{n}", f"item {n} costs {n + 1} euros"),
            {"role": "assistant", "content": f"Order {n} comes to {2 * n + 1} euros."},
        ]
    messages.append({"role": "user", "content": "What did order 7 come to?"})
    for budget in ("300", "600", "1200", "2400"):
        chat(full.url, body(messages), budget=budget)
        assert problems(upstream.last.messages) == []
        assert messages[-1] in upstream.last.messages


def test_no_key_is_ever_logged(upstream: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    given = {"api_key": "sk-configured-9876543210"}
    with caplog.at_level(logging.DEBUG), serve(settings_for(upstream.url, upstream=given)) as live:
        chat(live.url, body(long_chat()), budget="500", key=KEY)
        chat(live.url, b"not JSON", key=KEY)
        chat(live.url, body([]), budget="bad", key=KEY)
        ask(
            live.url,
            "GET",
            "/v1/models?x=1",
            headers=[("Authorization", f"Bearer {KEY}"), ("api-key", KEY), ("x-api-key", KEY)],
        )
    with caplog.at_level(logging.DEBUG), serve(settings_for("http://127.0.0.1:1")) as live:
        chat(live.url, body(long_chat()), key=KEY)
    assert caplog.records
    logged = "\n".join(f"{r.getMessage()} {r.exc_info} {r.args}" for r in caplog.records)
    assert KEY not in logged
    assert "sk-configured" not in logged


def test_a_configured_key_replaces_the_callers(upstream: Upstream) -> None:
    with serve(settings_for(upstream.url, upstream={"api_key": "sk-ours"})) as live:
        chat(live.url, body([]), key=KEY)
        assert [v for n, v in upstream.last.headers if n.lower() == "authorization"] == [
            "Bearer sk-ours"
        ]
        ask(live.url, "GET", "/v1/models")
        assert upstream.last.header("authorization") == "Bearer sk-ours"
    assert KEY not in str(upstream.received)


def test_the_callers_key_passes_through(quick: Live, upstream: Upstream) -> None:
    chat(quick.url, body([]), key=KEY)
    assert upstream.last.header("authorization") == f"Bearer {KEY}"


def test_no_text_of_a_message_is_logged(upstream: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    messages = [{"role": "user", "content": "xylophone"}, *long_chat()]
    with caplog.at_level(logging.DEBUG), serve(settings_for(upstream.url)) as live:
        chat(live.url, body(messages), budget="500")
        chat(live.url, b'{"messages": [{"role": "user", "content": "xylophone"')
    assert not [
        r
        for r in caplog.records
        if "xylophone" in r.getMessage() and not r.name.startswith("hypothesis")
    ]
