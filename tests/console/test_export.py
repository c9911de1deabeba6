"""What can be taken away: outcomes, requests, and what describes pages and settings."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from foveate.proxy.config.editors import settings_schema
from support.client import ask, chat
from support.console import serve_pages
from support.conversations import body, long_chat
from support.server import settings_for
from support.upstream import Upstream

ROOT = Path(__file__).parents[2]


def test_outcomes_are_exported_as_json_and_csv(upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url)) as live:
        chat(live.url, body(long_chat()), budget="1000/500")
        chat(live.url, body(long_chat(2), model="=HYPERLINK(1)"))
        rows = ask(live.url, "GET", "/-/outcomes.json").json
        answer = ask(live.url, "GET", "/-/outcomes.csv")
        cut = ask(live.url, "GET", "/-/outcomes.csv?result=cut").body.decode()
    assert [r["result"] for r in rows] == ["cut", "untouched"]
    table = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [t["id"] for t in table] == [r["id"] for r in rows]
    assert table[0]["tokens.before"] == str(rows[0]["tokens"]["before"])
    assert table[1]["model"] == "'=HYPERLINK(1)"  # no formula
    assert (answer.header("content-type") or "").startswith("text/csv")
    assert len(cut.strip().splitlines()) == 2


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_a_request_is_exported_as_a_command_that_sends_it_again(upstream: Upstream) -> None:
    said = "it's \"quoted\", $HOME `x` \\ ü\n'"
    request = json.dumps(
        body([*long_chat(), {"role": "user", "content": said}]), ensure_ascii=False
    ).encode()
    with serve_pages(settings_for(upstream.url, recent={"keep_text": True})) as live:
        key = chat(live.url, request, budget="1000/500", session="s1").header("x-pruning-id")
        command = ask(live.url, "GET", f"/-/outcomes/{key}/curl").body.decode()
        assert ask(live.url, "GET", f"/-/outcomes/{key}/request").body == request
        assert "$OPENAI_API_KEY" in command
        before = len(upstream.received)
        subprocess.run(
            ["sh", "-c", f"export OPENAI_API_KEY=sk-mine; {command}"],
            check=True,
            capture_output=True,
            timeout=30,
        )
        again = ask(live.url, "GET", "/-/outcomes").json["outcomes"][-1]
    sent = upstream.received[before]
    assert sent.messages[-1]["content"] == said
    assert again["budget"] == {"high": 1000, "low": 500}
    assert again["conversation"]


def test_without_kept_text_nothing_is_exported_of_it(upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url)) as live:
        key = chat(live.url, body(long_chat(2))).header("x-pruning-id")
        for page in ("request", "curl"):
            assert ask(live.url, "GET", f"/-/outcomes/{key}/{page}").status == 404


def test_the_pages_describe_themselves(upstream: Upstream) -> None:
    with serve_pages(settings_for(upstream.url)) as live:
        api = ask(live.url, "GET", "/-/openapi.json").json
        schema = ask(live.url, "GET", "/-/schema.json").json
    assert api["openapi"].startswith("3.")
    assert {"/-/outcomes", "/-/prune", "/-/bench", "/-/metrics"} <= api["paths"].keys()
    assert all(method["summary"] for path in api["paths"].values() for method in path.values())
    names = [p["name"] for p in api["paths"]["/-/outcomes"]["get"]["parameters"]]
    assert {"result", "conversation", "text"} <= set(names)
    assert schema == settings_schema()


@pytest.mark.parametrize(
    ("text", "well"),
    [
        ((ROOT / "config.yaml").read_text(), True),
        ("mode: on", True),
        (
            "policies: {mine: {preset: agent, signals: {recency: {weight: {tool: 0.5}, half_life_turns: 5}}}}",
            True,
        ),
        ("upstream: {ulr: x}", False),
        ("policies: {mine: {signals: {telepathy: {}}}}", False),
        ("policies: {mine: {preset: nope}}", False),
        ("policies: {mine: {selector: {type: psychic}}}", False),
    ],
    ids=["the repository's own", "on", "a policy", "a setting", "a signal", "a preset", "a type"],
)
def test_editors_find_what_is_wrong(text: str, well: bool) -> None:
    jsonschema: Any = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    found = list(jsonschema.Draft202012Validator(settings_schema()).iter_errors(yaml.safe_load(text)))
    assert (found == []) is well, found
