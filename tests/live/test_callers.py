"""Callers that the settings name: a key each, and what each may use, in the words of every wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from foveate.proxy.callers.keys import hashed, make_key
from foveate.proxy.config.loading import dump_settings
from support.client import Answer, ask, chat
from support.conversations import body, long_chat
from support.server import Live, serve, settings_for
from support.upstream import Upstream, reply_json, until

HI = [{"role": "user", "content": "hi"}]
WIRES = {
    "/v1/chat/completions": {"model": "gpt-4o", "messages": HI},
    "/v1/responses": {"model": "gpt-4o", "input": "hi"},
    "/v1/messages": {"model": "gpt-4o", "max_tokens": 9, "messages": HI},
}
KEYS = {name: make_key() for name in ("alice", "bob", "carol", "dora", "second")}
NAMED: dict[str, Any] = {
    "alice": {"keys": [hashed(KEYS["alice"].encode()), hashed(KEYS["second"].encode())]},
    "bob": {
        "keys": [hashed(KEYS["bob"].encode())],
        "models": ["gpt-4o", "small-*"],
        "policies": ["agent"],
    },
    "carol": {"keys": [hashed(KEYS["carol"].encode())], "requests_a_minute": 2},
    "dora": {"keys": [hashed(KEYS["dora"].encode())], "tokens_a_day": 50},
}


@pytest.fixture
def guarded(upstream: Upstream, tmp_path: Path) -> Iterator[Live]:
    settings = settings_for(
        upstream.url,
        callers={"named": NAMED},
        upstream={"api_key": "sk-upstream"},
        data=tmp_path,
        state={"type": "sqlite"},
    )
    with serve(settings) as live:
        yield live


def post(live: Live, path: str, value: Any, *headers: tuple[str, str]) -> Answer:
    content = json.dumps(value).encode()
    return ask(live.url, "POST", path, content, [("Content-Type", "application/json"), *headers])


def bearer(name: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {KEYS[name]}")


@pytest.mark.parametrize("path", WIRES)
@pytest.mark.parametrize(
    "header", [(), (("Authorization", "Bearer sk-other"),), (("x-api-key", "fv-no"),)]
)
def test_a_key_that_nobody_was_given_is_401_on_every_wire(
    guarded: Live, upstream: Upstream, path: str, header: tuple[tuple[str, str], ...]
) -> None:
    answer = post(guarded, path, WIRES[path], *header)
    assert answer.status == 401
    assert answer.header("www-authenticate") == "Bearer"
    error = answer.json["error"]
    assert error.get("code", error["type"]) in ("invalid_api_key", "authentication_error")
    assert not [r for r in upstream.received if r.method == "POST"]
    assert guarded.services.parts.tally.refused["(unknown)"] == 1


@pytest.mark.parametrize("carrier", ["Authorization", "x-api-key", "api-key"])
def test_a_known_key_lets_in_and_goes_no_further(
    guarded: Live, upstream: Upstream, carrier: str
) -> None:
    value = f"Bearer {KEYS['alice']}" if carrier == "Authorization" else KEYS["alice"]
    answer = post(guarded, "/v1/chat/completions", WIRES["/v1/chat/completions"], (carrier, value))
    assert answer.status == 200
    assert {r.header("authorization") for r in upstream.received} == {"Bearer sk-upstream"}
    assert KEYS["alice"] not in str([r.headers for r in upstream.received])


def test_of_two_keys_the_one_that_is_known_lets_in(guarded: Live) -> None:
    path = "/v1/chat/completions"
    both = [("Authorization", "Bearer sk-other"), ("x-api-key", KEYS["alice"])]
    assert post(guarded, path, WIRES[path], *both).status == 200


def test_the_official_clients_raise_their_own_errors(guarded: Live) -> None:
    asking = openai.OpenAI(base_url=f"{guarded.url}/v1", api_key="sk-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        asking.responses.create(model="gpt-4o", input="hi")
    claude = anthropic.Anthropic(base_url=guarded.url, api_key="sk-wrong", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        claude.messages.create(model="claude", max_tokens=9, messages=HI)  # type: ignore[arg-type]
    bob = anthropic.Anthropic(base_url=guarded.url, api_key=KEYS["bob"], max_retries=0)
    with pytest.raises(anthropic.PermissionDeniedError, match="claude"):
        bob.messages.create(model="claude", max_tokens=9, messages=HI)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", WIRES)
def test_a_model_that_a_caller_may_not_use_is_403(guarded: Live, upstream: Upstream, path: str) -> None:
    refused = post(guarded, path, {**WIRES[path], "model": "gpt-5"}, bearer("bob"))
    assert refused.status == 403
    assert "gpt-5" in refused.json["error"]["message"]
    assert post(guarded, path, {**WIRES[path], "model": "small-3"}, bearer("bob")).status == 200
    assert [r.json["model"] for r in upstream.received if r.method == "POST"] == ["small-3"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/v1/embeddings", b'{"model": "gpt-5", "input": "x"}'),
        ("/v1/completions", b'{"prompt": "x"}'),
        ("/v1/audio/transcriptions", b"--x\r\nmodel=gpt-5"),
        ("/v1/chat/completions", b"not JSON"),
        ("/openai/deployments/gpt-5/chat/completions", b'{"model": "gpt-4o", "messages": []}'),
        ("/openai/deployments/gpt-5/embeddings", b'{"model": "gpt-4o", "input": "x"}'),
        ("/v1beta/models/gpt-5:generateContent", b'{"contents": []}'),
        ("/v1/messages/count_tokens", b'{"model": "gpt-5", "messages": []}'),
    ],
)
def test_no_other_path_leads_to_a_model_that_is_not_allowed(
    guarded: Live, upstream: Upstream, path: str, content: bytes
) -> None:
    assert ask(guarded.url, "POST", path, content, [bearer("bob")]).status == 403
    assert not [r for r in upstream.received if r.target == path]
    assert guarded.services.parts.tally.refused["bob"] == 1


def test_what_is_relayed_arrives_whole_where_its_model_is_allowed(
    guarded: Live, upstream: Upstream
) -> None:
    content = b'{"model": "gpt-4o",  "input": ["a", "b"]}'
    assert ask(guarded.url, "POST", "/v1/embeddings", content, [bearer("bob")]).status == 200
    assert upstream.last.body == content
    assert ask(guarded.url, "GET", "/v1/models", None, [bearer("bob")]).status == 200


def test_a_policy_that_a_caller_may_not_use_is_403_and_its_first_decides_else(guarded: Live) -> None:
    value = body(long_chat(), model="gpt-4o")
    refused = post(
        guarded, "/v1/chat/completions", value, bearer("bob"), ("X-Pruning-Policy", "recency")
    )
    assert refused.status == 403
    answer = post(guarded, "/v1/chat/completions", value, bearer("bob"), ("X-Pruning-Budget", "600"))
    assert (answer.result, answer.header("x-pruning-policy")) == ("cut", "agent")
    named = post(guarded, "/v1/chat/completions", value, bearer("bob"), ("X-Pruning-Policy", "agent"))
    assert named.status == 200


def test_requests_beyond_a_minutes_are_429_and_say_when_to_come_again(guarded: Live) -> None:
    path = "/v1/messages"
    answers = [post(guarded, path, WIRES[path], bearer("carol")) for _ in range(5)]
    refused = [a for a in answers if a.status == 429]
    assert len(refused) >= 1  # the minute may have turned in between
    assert 1 <= int(refused[0].header("retry-after") or 0) <= 61
    assert refused[0].json["error"]["type"] == "rate_limit_error"
    openai_shape = [
        post(guarded, "/v1/responses", WIRES["/v1/responses"], bearer("carol")) for _ in range(3)
    ]
    assert {a.json["error"]["code"] for a in openai_shape if a.status == 429} == {"rate_limit_exceeded"}


def test_tokens_beyond_a_days_are_429_and_are_counted_as_the_upstream_says(
    guarded: Live, upstream: Upstream
) -> None:
    told = {"prompt_tokens": 40, "completion_tokens": 15}
    upstream.script = reply_json({"choices": [], "usage": told})
    path = "/v1/chat/completions"
    assert post(guarded, path, WIRES[path], bearer("dora")).status == 200
    until(lambda: guarded.services.parts.tally.tokens["dora"] == 55)
    refused = post(guarded, path, WIRES[path], bearer("dora"))
    assert refused.status == 429
    assert refused.header("x-should-retry") == "false"


def test_relayed_answers_count_for_the_day_too(guarded: Live, upstream: Upstream) -> None:
    upstream.script = reply_json({"data": [], "usage": {"prompt_tokens": 60, "total_tokens": 60}})
    content = b'{"model": "e", "input": "x"}'
    assert ask(guarded.url, "POST", "/v1/embeddings", content, [bearer("dora")]).status == 200
    until(lambda: guarded.services.parts.tally.tokens["dora"] == 60)
    assert ask(guarded.url, "POST", "/v1/embeddings", content, [bearer("dora")]).status == 429


def test_limits_outlive_the_process(upstream: Upstream, tmp_path: Path) -> None:
    settings = settings_for(
        upstream.url, callers={"named": NAMED}, data=tmp_path, state={"type": "sqlite"}
    )
    upstream.script = reply_json(
        {"choices": [], "usage": {"prompt_tokens": 60, "completion_tokens": 1}}
    )
    path = "/v1/chat/completions"
    with serve(settings) as live:
        assert post(live, path, WIRES[path], bearer("dora")).status == 200
        until(lambda: live.services.parts.tally.tokens["dora"] == 61)
    with serve(settings) as live:
        assert post(live, path, WIRES[path], bearer("dora")).status == 429


def test_one_callers_keys_are_one_caller_and_others_share_nothing_with_it(guarded: Live) -> None:
    value = body(long_chat())
    more = body(
        [*long_chat(), {"role": "assistant", "content": "ok"}, {"role": "user", "content": "go"}]
    )
    assert chat(guarded.url, value, key=KEYS["alice"], budget="1000/500").result == "cut"
    assert chat(guarded.url, more, key=KEYS["second"], budget="1000/500").result == "sticky"
    assert chat(guarded.url, more, key=KEYS["carol"], budget="1000/500").result == "cut"


def test_pages_and_metrics_tell_of_callers_by_name_and_of_no_key(guarded: Live) -> None:
    chat(guarded.url, body(long_chat()), key=KEYS["alice"])
    chat(guarded.url, body(long_chat()), key="sk-nobody")
    metrics = ask(guarded.url, "GET", "/-/metrics").body.decode()
    assert 'foveate_caller_requests_total{caller="alice"} 1.0' in metrics
    assert 'foveate_caller_refusals_total{caller="(unknown)"} 1.0' in metrics
    status = ask(guarded.url, "GET", "/-/status")
    assert {name: value for name, value in status.json["callers"][1].items() if name != "tokens"} == {
        "name": "alice",
        "requests": 1,
        "refused": 0,
    }
    assert ask(guarded.url, "GET", "/-/outcomes").json["outcomes"][0]["caller"] == "alice"
    told = status.body.decode() + metrics + dump_settings(guarded.services.settings)
    for secret in [*KEYS.values(), *(key for caller in NAMED.values() for key in caller["keys"])]:
        assert secret not in told


def test_an_explanation_is_that_callers(guarded: Live) -> None:
    value = body(long_chat())
    assert chat(guarded.url, value, key=KEYS["alice"], budget="1000/500").result == "cut"
    told = post(guarded, "/-/explain", value, bearer("alice"), ("X-Pruning-Budget", "1000/500"))
    assert (told.status, told.json["result"]) == (200, "sticky")


def test_without_names_everybody_comes_with_a_key_of_their_own(quick: Live, upstream: Upstream) -> None:
    assert chat(quick.url, body(HI), key="sk-mine").status == 200
    assert upstream.last.header("authorization") == "Bearer sk-mine"
    assert httpx.get(f"{quick.url}/-/status").json()["callers"] == []
