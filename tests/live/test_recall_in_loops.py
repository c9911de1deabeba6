"""What an agent's next step needs of shortened results comes back at the result that is newest."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from support.client import Answer, ask
from support.server import Live
from support.steps import WIRES, by_chat
from support.upstream import Upstream

LOG = "\n".join(f"[{n:3}/900] Building object src/module_{n % 9}/unit_{n * 37}.o" for n in range(900))
LINE = "[450/900] Building object src/module_0/unit_16650.o"
BUDGET = "40000/20000"
DONE = "Done, one file was written."


def post(live: Live, path: str, key: str, request: dict[str, Any]) -> Answer:
    headers = [
        ("Content-Type", "application/json"),
        ("Authorization", f"Bearer {key}"),
        ("X-Pruning-Budget", BUDGET),
    ]
    return ask(live.url, "POST", path, json.dumps(request).encode(), headers)


def sent(upstream: Upstream) -> list[str]:
    """The items that the upstream got, each as text."""
    request = json.loads(upstream.last.body)
    return [json.dumps(each) for each in request.get("messages") or request["input"]]


BUILD = (json.dumps({"command": "make all"}), LOG)
LOOK = (json.dumps({"command": "touch src/module_0/unit_16650.o"}), DONE)


@pytest.mark.parametrize("path", WIRES)
def test_a_name_whose_line_is_out_brings_the_line_back(
    quick: Live, upstream: Upstream, path: str
) -> None:
    key, made = f"sk-{secrets.token_hex(8)}", WIRES[path]
    assert post(quick, path, key, made([BUILD])).result == "shortened"
    before = sent(upstream)
    assert LINE not in "".join(before)
    post(quick, path, key, made([BUILD, LOOK]))
    after = sent(upstream)
    assert after[: len(before)] == before
    assert LINE in after[-1]
    assert DONE in after[-1]
    assert after[-1].index(DONE) < after[-1].index("[Excerpts ") < after[-1].index(LINE)
    assert "not part of this result" in after[-1]
    assert "[End of excerpts " in after[-1]


@pytest.mark.parametrize("path", WIRES)
def test_what_was_quoted_is_the_same_bytes_ever_after_and_is_quoted_once(
    quick: Live, upstream: Upstream, path: str
) -> None:
    key, made = f"sk-{secrets.token_hex(8)}", WIRES[path]
    steps = [BUILD]
    post(quick, path, key, made(steps))
    for _ in range(3):
        steps = [*steps, LOOK]
        before = sent(upstream)
        post(quick, path, key, made(steps))
        assert sent(upstream)[: len(before)] == before
    assert "".join(sent(upstream)).count(LINE) == 1
    again = sent(upstream)
    post(quick, path, key, made(steps))  # as a client does that was cut off
    assert sent(upstream) == again


@pytest.mark.parametrize("path", WIRES)
def test_a_step_that_names_nothing_new_gets_nothing(quick: Live, upstream: Upstream, path: str) -> None:
    key, made = f"sk-{secrets.token_hex(8)}", WIRES[path]
    post(quick, path, key, made([BUILD]))
    post(quick, path, key, made([BUILD, (json.dumps({"command": "make clean"}), DONE)]))
    assert "Excerpts" not in "".join(sent(upstream))


def test_what_the_new_result_says_is_not_quoted_beside_it(quick: Live, upstream: Upstream) -> None:
    key = f"sk-{secrets.token_hex(8)}"
    path = "/v1/chat/completions"
    post(quick, path, key, by_chat([BUILD]))
    post(quick, path, key, by_chat([BUILD, (LOOK[0], f"found: {LINE}\n" + "and more words\n" * 20)]))
    assert "Excerpts" not in "".join(sent(upstream))


@pytest.mark.parametrize("path", WIRES)
def test_a_short_result_that_was_dropped_comes_back_when_it_is_named(
    quick: Live, upstream: Upstream, path: str
) -> None:
    key, made = f"sk-{secrets.token_hex(8)}", WIRES[path]
    owners = [f"usr_{n * 7919 % 100000:05d}" for n in range(1, 1900)]
    steps = [
        (json.dumps({"ticket": f"TCK-{n}"}), f"owner {owner}, state open")
        for n, owner in enumerate(owners)
    ]
    assert post(quick, path, key, made(steps)).result == "cut"
    there = "".join(sent(upstream))
    gone = next(owner for owner in owners if owner not in there)
    post(quick, path, key, made([*steps, (json.dumps({"user": gone}), "user found, active")]))
    assert f"owner {gone}, state open" in sent(upstream)[-1]
