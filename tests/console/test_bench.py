"""The workbench's answers: policies that no setting names, why, and what would keep a segment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.client import Answer, ask, chat
from support.console import serve_pages
from support.conversations import body, long_chat
from support.messages import long_talk
from support.messages import request as messages
from support.server import Live, settings_for
from support.upstream import Upstream


def bench(live: Live, **asked: Any) -> Answer:
    asked.setdefault("policies", [{"name": "balanced"}])
    return ask(live.url, "POST", "/-/bench", json.dumps(asked).encode())


def test_a_given_request_is_tried_under_changed_policies(quick: Live, upstream: Upstream) -> None:
    changed = {"preset": "balanced", "signals": {"semantic": {"weight": 0}}}
    tried = [{"name": "balanced"}, {"name": "balanced", "settings": changed}, {"name": "recency"}]
    found = bench(quick, request=body(long_chat()), budget="800", policies=tried).json
    assert [f["policy"] for f in found] == ["balanced", "balanced", "recency"]
    assert ["semantic" in f["verdicts"][5]["shares"] for f in found] == [True, False, False]
    assert all(f["tokens"]["after"] <= 800 for f in found)
    [same] = bench(quick, request=body(long_chat()), budget=800).json
    assert same["budget"] == found[0]["budget"]
    assert not [r for r in upstream.received if r.method == "POST"]


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("/v1/messages", messages(long_talk())),
        ("/v1/responses", {"model": "gpt-4o", "input": long_chat()[1:]}),
    ],
)
def test_every_wire_can_be_tried(quick: Live, path: str, request_: dict[str, Any]) -> None:
    found = bench(quick, request=request_, path=path, budget="800").json
    assert found[0]["result"] == "cut"


def test_a_kept_request_is_tried(upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url, recent={"keep_text": True})) as live:
        key = chat(live.url, body(long_chat()), budget="1000/500").header("x-pruning-id")
        found = bench(live, outcome=key, budget="400").json
        assert found[0]["budget"]["low"] == 400
        assert bench(live, outcome="prn-0").status == 404


def test_a_verdict_tells_all_that_led_to_it(quick: Live) -> None:
    [found] = bench(quick, request=body(long_chat()), budget="800").json
    assert found["room"]["left"] >= 0
    assert found["room"]["floor"] is None
    rows = [v for v in found["verdicts"] if not v["pin"]]
    assert any(v["why"]["price"] > 0 for v in rows)
    assert any(abs(v["why"]["own"] - v["score"]) > 0.01 for v in rows)  # what has flowed
    strict = {"preset": "balanced", "threshold": 0.5}
    [found] = bench(
        quick,
        request=body(long_chat()),
        budget="1800",
        policies=[{"name": "balanced", "settings": strict}],
    ).json
    floor = found["room"]["floor"]
    below = [v for v in found["verdicts"] if v["reason"] == "below the threshold"]
    assert below
    assert all(v["score"] < floor for v in below)


def test_what_would_keep_a_segment_does_keep_it(quick: Live) -> None:
    request = body(long_chat())
    [before] = bench(quick, request=request, budget="500").json
    gone = [n for n, v in enumerate(before["verdicts"]) if v["fate"] == "dropped"]
    segment = max(gone, key=lambda n: before["verdicts"][n]["shares"]["semantic"])
    found = bench(quick, request=request, budget="500", segment=segment).json
    assert found["kept"] is False
    [enough] = bench(quick, request=request, budget=str(found["budget"])).json
    assert enough["verdicts"][segment]["fate"] == "kept"
    assert found["budget"] > 500
    policies = ask(quick.url, "GET", "/-/policies").json["policies"]
    for name, factor in found["weights"].items():
        weight = policies["balanced"]["signals"][name]["weight"]
        changed = {"preset": "balanced", "signals": {name: {"weight": weight * factor}}}
        [tried] = bench(
            quick, request=request, budget="500", policies=[{"name": "balanced", "settings": changed}]
        ).json
        assert tried["verdicts"][segment]["fate"] == "kept", name


def test_what_stays_needs_nothing(quick: Live) -> None:
    assert bench(quick, request=body(long_chat()), budget="500", segment=0).json["kept"] is True
    assert bench(quick, request=body(long_chat()), budget="500", segment=9999).json["kept"] is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"policies": [{"name": "nope"}]}, "balanced"),
        ({"policies": [{"name": "balanced", "settings": {"flavour": 1}}]}, "flavour is not a setting"),
        (
            {
                "policies": [
                    {"name": "balanced", "settings": {"preset": "balanced", "pins": {"share": "x"}}}
                ]
            },
            "number",
        ),
        ({"budget": "16k"}, "16k"),
        ({"path": "/v1/completions"}, "/v1/messages"),
    ],
)
def test_what_cannot_be_tried_is_said(quick: Live, asked: dict[str, Any], told: str) -> None:
    refused = bench(quick, request=body(long_chat(2)), **asked)
    assert refused.status == 400
    assert told in refused.json["error"]["message"]


def test_what_is_no_json_is_refused_and_what_is_no_request_says_so(quick: Live) -> None:
    assert ask(quick.url, "POST", "/-/bench", b"{").status == 400
    [found] = bench(quick, request={"prompt": "hi"}).json
    assert "no messages" in found["failure_reason"]
