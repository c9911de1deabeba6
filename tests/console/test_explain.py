"""POST /-/explain and /-/prune: what a request would become, without a trace of having asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.client import Answer, ask, chat
from support.console import TOKEN, samples, serve_pages, total
from support.conversations import body, long_chat, problems
from support.server import Live, settings_for
from support.upstream import Upstream


def page(live: Live, path: str, content: Any, *headers: tuple[str, str]) -> Answer:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return ask(live.url, "POST", path, raw, [("Content-Type", "application/json"), *headers])


def budget(value: str) -> tuple[str, str]:
    return ("X-Pruning-Budget", value)


def fates(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(v["id"], v["fate"]) for v in found["verdicts"]]


def test_an_explanation_is_what_the_request_would_have_got(quick: Live, upstream: Upstream) -> None:
    request = body(long_chat())
    explained = page(quick, "/-/explain", request, budget("1000/500")).json
    answer = chat(quick.url, request, budget="1000/500")
    outcome = ask(quick.url, "GET", f"/-/outcomes/{answer.header('x-pruning-id')}").json
    assert fates(explained) == fates(outcome)
    assert explained["messages"] == upstream.last.messages
    assert explained["tokens"]["after"] == int(answer.header("x-pruning-tokens-after") or 0)
    assert explained["budget"] == {"high": 1000, "low": 500}
    assert explained["window"] == outcome["window"]
    assert explained["verdicts"][1]["text"] == request["messages"][1]["content"]


def test_every_verdict_tells_its_reason_and_each_signals_share(quick: Live) -> None:
    explained = page(quick, "/-/explain", body(long_chat()), budget("500")).json
    for verdict in explained["verdicts"]:
        assert verdict["reason"]
        assert verdict["score"] == pytest.approx(sum(verdict["shares"].values()), abs=0.01)
    assert explained["verdicts"][0]["pin"] == "system"


def test_explaining_forwards_counts_and_remembers_nothing(upstream: Upstream) -> None:
    request = body(long_chat())
    key = ("Authorization", "Bearer sk-the-caller")
    with serve_pages(settings_for(upstream.url)) as live:
        for path in ("/-/explain", "/-/prune"):
            assert page(live, path, request, budget("1000/500"), key).status == 200
        assert [r for r in upstream.received if r.method == "POST"] == []
        assert ask(live.url, "GET", "/-/outcomes").json["outcomes"] == []
        assert total(samples(live.url), "foveate_requests_total") == 0
        # Were the first cut remembered, it would still serve.
        answer = chat(live.url, request, budget="1000/500", key="sk-the-caller")
        assert (answer.result, answer.header("x-pruning-prefix")) == ("cut", "0")


def test_an_explanation_goes_on_from_what_the_conversation_had(quick: Live) -> None:
    messages = long_chat()
    assert chat(quick.url, body(messages), budget="1000/500", key="sk-known").result == "cut"
    longer = [
        *messages,
        {"role": "assistant", "content": "At nine."},
        {"role": "user", "content": "Thank you."},
    ]
    explained = page(
        quick, "/-/explain", body(longer), budget("1000/500"), ("Authorization", "Bearer sk-known")
    ).json
    assert explained["result"] == "sticky"


@pytest.mark.parametrize("mode", ["shadow", "off"])
def test_an_explanation_decides_in_every_mode(upstream: Upstream, mode: str) -> None:
    with serve_pages(settings_for(upstream.url, mode=mode)) as live:
        explained = page(live, "/-/explain", body(long_chat()), budget("500")).json
        assert explained["result"] == "cut"
        assert len(explained["messages"]) < len(long_chat())


def test_prune_returns_the_body_alone_with_the_headers(quick: Live) -> None:
    request = body(
        long_chat(), temperature=0.5, tools=[{"type": "function", "function": {"name": "f"}}]
    )
    answer = page(quick, "/-/prune", request, budget("500"))
    assert answer.result == "cut"
    assert {k: v for k, v in answer.json.items() if k != "messages"} == {
        k: v for k, v in request.items() if k != "messages"
    }
    assert 0 < len(answer.json["messages"]) < len(request["messages"])
    assert not problems(answer.json["messages"])


def test_prune_leaves_what_fits_as_it_is_to_the_byte(quick: Live) -> None:
    content = json.dumps(body(long_chat(2)), indent=3).encode()
    assert page(quick, "/-/prune", content).body == content


def test_what_cannot_be_read_is_explained_and_not_counted_as_a_failure(quick: Live) -> None:
    before = dict(quick.failures)
    explained = page(quick, "/-/explain", b"{}").json
    assert (explained["result"], explained["failure"]) == ("failed", "parse")
    assert "no messages" in explained["failure_reason"]
    assert quick.failures == before


def test_a_bad_header_and_a_body_too_large_are_refused(upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url, server={"max_body_mib": 0.001})) as live:
        refused = page(live, "/-/explain", body([]), ("X-Pruning-Policy", "nope"))
        assert refused.status == 400
        assert "X-Pruning-Policy" in refused.json["error"]["message"]
        assert page(live, "/-/prune", b"x" * 2000).status == 413


def test_the_admin_token_never_reaches_the_upstream(upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url, admin={"token": TOKEN})) as live:
        answer = page(live, "/-/explain", body(long_chat(120)), ("Authorization", f"Bearer {TOKEN}"))
        assert answer.status == 200
    assert all(TOKEN not in str(r.headers) for r in upstream.received)


def test_a_kept_request_is_explained_anew_under_another_budget_and_policy(upstream: Upstream) -> None:
    policies = {"lexical": {"preset": "balanced", "signals": {"semantic": {"weight": 0}}}}
    with serve_pages(settings_for(upstream.url, recent={"keep_text": True}, policies=policies)) as live:
        key = chat(live.url, body(long_chat()), budget="1000/500").header("x-pruning-id")
        explained = ask(live.url, "POST", f"/-/outcomes/{key}/explain?budget=400&policy=lexical").json
        assert (explained["policy"], explained["budget"]["low"], explained["result"]) == (
            "lexical",
            400,
            "cut",
        )
        assert explained["tokens"]["after"] <= 400
        assert "semantic" not in explained["verdicts"][5]["shares"]
        assert ask(live.url, "POST", f"/-/outcomes/{key}/explain?budget=none").status == 400
        assert ask(live.url, "POST", "/-/outcomes/prn-0/explain").status == 404


def test_a_named_policy_decides_afresh_whatever_was_cut_before(upstream: Upstream) -> None:
    policies = {"newest": {"signals": {"recency": {}}, "selector": {"type": "window"}}}
    own = ("Authorization", "Bearer sk-the-caller")
    with serve_pages(settings_for(upstream.url, policies=policies)) as live:
        request = body(long_chat())
        assert chat(live.url, request, budget="1000/500", key="sk-the-caller").result == "cut"
        answers = {
            name: page(live, "/-/prune", request, budget("1000/500"), own, ("X-Pruning-Policy", name))
            for name in ("balanced", "newest")
        }
    assert {name: a.result for name, a in answers.items()} == {"balanced": "sticky", "newest": "cut"}
    assert {name: a.header("x-pruning-policy") for name, a in answers.items()} == {
        n: n for n in answers
    }
    assert answers["balanced"].body != answers["newest"].body


def test_what_the_threshold_drops_is_told_from_what_has_no_room(upstream: Upstream) -> None:
    with serve_pages(
        settings_for(upstream.url, policies={"strict": {"preset": "balanced", "threshold": 0.5}})
    ) as live:
        roomy = page(
            live, "/-/explain", body(long_chat()), budget("1800"), ("X-Pruning-Policy", "strict")
        ).json
        tight = page(
            live, "/-/explain", body(long_chat()), budget("200"), ("X-Pruning-Policy", "balanced")
        ).json
    assert {v["reason"] for v in roomy["verdicts"] if v["fate"] == "dropped"} >= {"below the threshold"}
    assert {v["reason"] for v in tight["verdicts"] if v["fate"] == "dropped"} == {"no room"}


def test_explaining_builds_no_policy(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_pages(settings_for(upstream.url, recent={"keep_text": True})) as live:
        key = chat(live.url, body(long_chat()), budget="1000/500").header("x-pruning-id")
        built: list[str] = []
        monkeypatch.setattr(
            "foveate.proxy.config.policies.build_policy", lambda name, settings: built.append(name)
        )
        assert page(live, "/-/explain", body(long_chat()), ("X-Pruning-Policy", "agent")).status == 200
        assert ask(live.url, "POST", f"/-/outcomes/{key}/explain?policy=recency").status == 200
        assert built == []


def test_prune_remembers_the_cuts_of_a_session(upstream: Upstream) -> None:
    messages = long_chat()
    longer = [
        *messages,
        {"role": "assistant", "content": "At nine."},
        {"role": "user", "content": "Fine."},
    ]
    own = ("Authorization", "Bearer sk-the-caller")
    session = ("X-Pruning-Session", "talk-17")
    with serve_pages(settings_for(upstream.url, mode="shadow")) as live:
        first = page(live, "/-/prune", body(messages), budget("1000/500"), own, session)
        second = page(live, "/-/prune", body(longer), budget("1000/500"), own, session)
        other = page(live, "/-/prune", body(longer), budget("1000/500"), own)
        assert [r for r in upstream.received if r.method == "POST"] == []
    assert (first.result, second.result, other.result) == ("cut", "sticky", "cut")
    kept = first.json["messages"]
    assert second.json["messages"][: len(kept)] == kept
