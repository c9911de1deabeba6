"""Pruning inside a program: bodies in, bodies and verdicts out."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import foveate
from foveate import Pruner
from foveate.proxy.errors import ConfigError, RequestError
from support.conversations import body, long_chat, problems
from support.messages import long_talk, request

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pruner() -> Iterator[Pruner]:
    with Pruner() as made:
        yield made


def longer(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        *messages,
        {"role": "assistant", "content": "At nine."},
        {"role": "user", "content": "Fine, thanks."},
    ]


def test_a_body_comes_back_smaller_with_a_verdict_on_each_segment(pruner: Pruner) -> None:
    request = body(long_chat(), temperature=0.5)
    found = pruner.prune(request, budget=1000)
    assert found.result == "cut"
    assert found.body["temperature"] == 0.5
    assert len(found.body["messages"]) < len(request["messages"])
    assert not problems(found.body["messages"])
    assert [v["messages"] for v in found.verdicts] == [[n] for n in range(len(request["messages"]))]
    assert {v["fate"] for v in found.verdicts} == {"kept", "dropped"}
    assert all(v["reason"] for v in found.verdicts)
    assert found.outcome["tokens"]["after"] <= 1000


def test_bytes_come_back_as_bytes_and_untouched_where_they_fit(pruner: Pruner) -> None:
    content = json.dumps(body(long_chat(2)), indent=3).encode()
    found = pruner.prune(content)
    assert (found.body, found.result) == (content, "untouched")


def test_without_a_session_every_call_stands_alone(pruner: Pruner) -> None:
    request = body(long_chat())
    results = [pruner.prune(request, budget="1000/500").result for _ in range(2)]
    assert results == ["cut", "cut"]


@pytest.mark.parametrize("session", ["", "talk-17"])
def test_within_a_session_a_cut_stands_and_the_prompt_only_grows(pruner: Pruner, session: str) -> None:
    messages = long_chat()
    own = {"session": session, "caller": f"ada{session}"}
    first = pruner.prune(body(messages), budget="1000/500", **own)
    second = pruner.prune(body(longer(messages)), budget="1000/500", **own)
    assert (first.result, second.result) == ("cut", "sticky")
    kept = first.body["messages"]
    assert second.body["messages"][: len(kept)] == kept
    stranger = pruner.prune(body(longer(messages)), budget="1000/500", session=session, caller="bob")
    assert stranger.result == "cut"


async def test_it_is_awaited_while_other_work_goes_on(pruner: Pruner) -> None:
    request = body(long_chat())
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(tick())
    found = await asyncio.gather(*[pruner.aprune(request, budget=1000) for _ in range(3)])
    other.cancel()
    assert [f.body for f in found] == [pruner.prune(request, budget=1000).body] * 3
    assert ticks > 1


def test_each_wire_is_pruned_under_its_path(pruner: Pruner) -> None:
    given = request(long_talk())
    found = pruner.prune(given, budget=1500, path="/v1/messages")
    assert found.result == "cut"
    assert len(found.body["messages"]) < len(given["messages"])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"budget": "16k"}, "X-Pruning-Budget: '16k'"),
        ({"policy": "nope"}, "X-Pruning-Policy: 'nope'"),
        ({"session": "two words"}, "X-Pruning-Session"),
        ({"path": "/v1/completions"}, "/v1/chat/completions"),
    ],
)
def test_what_is_not_allowed_is_said(pruner: Pruner, wrong: dict[str, str], told: str) -> None:
    with pytest.raises(RequestError, match=told):
        pruner.prune(body(long_chat(2)), **wrong)  # type: ignore[arg-type]


def test_what_cannot_be_read_comes_back_as_it_was(pruner: Pruner) -> None:
    found = pruner.prune(b"{}")
    assert (found.body, found.result, found.verdicts) == (b"{}", "failed", [])
    assert "no messages" in found.outcome["failure_reason"]


def test_settings_come_from_a_file_and_a_wrong_one_is_said(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "budget: {high: 1000, low: 500}\nstate: {type: in_memory}\nindex: {type: in_memory}\n"
    )
    with Pruner(path) as made:
        found = made.prune(body(long_chat()))
        assert found.outcome["budget"] == {"high": 1000, "low": 500}
    path.write_text("budget: {high: 90}")
    with pytest.raises(ConfigError, match=r"budget\.high is 90"):
        Pruner(path)


def test_cuts_outlive_the_process_in_a_folder(tmp_path: Path) -> None:
    messages = long_chat()
    with Pruner(data=tmp_path / "data") as made:
        assert made.prune(body(messages), budget="1000/500", session="s").result == "cut"
    with Pruner(data=tmp_path / "data") as made:
        assert made.prune(body(longer(messages)), budget="1000/500", session="s").result == "sticky"


def test_the_short_way_needs_no_pruner_of_ones_own() -> None:
    request = body(long_chat())
    assert foveate.prune(request, budget=1000).result == "cut"
    assert asyncio.run(foveate.aprune(request, budget=1000)).result == "cut"


def test_the_package_itself_loads_nothing() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import sys, foveate; print([m for m in sys.modules if m.startswith('foveate')])"],
        env={"PYTHONPATH": str(ROOT / ".package")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == "['foveate']"
    with pytest.raises(AttributeError, match="nothing"):
        _ = foveate.nothing
