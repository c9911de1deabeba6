"""What holds of every decision."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from laws.strategies import conversations, to_bytes
from support.conversations import body, count, long_chat, problems
from support.deciding import decide, read
from support.server import settings_for

NOWHERE = "http://127.0.0.1:1"
ROOT = Path(__file__).parent.parent.parent


@settings(max_examples=80)
@given(conversations(last="any"), st.integers(0, 3))
def test_nothing_to_drop_leaves_the_bytes_alone(messages: list[dict[str, Any]], style: int) -> None:
    content = to_bytes(body(messages), style)
    decision = decide(content, 10**6, 10**6)
    assert decision.body == content
    assert decision.outcome.result == "untouched"


@settings(max_examples=120)
@given(conversations(last="any"), st.integers(10, 600))
def test_every_decision_is_a_valid_request_with_its_instructions_and_latest_turn(
    messages: list[dict[str, Any]], budget: int
) -> None:
    decision = decide(to_bytes(body(messages), 0), budget, budget)
    left = json.loads(decision.body)["messages"]
    assert decision.outcome.result in ("cut", "untouched", "over")
    assert problems(left) == []
    latest = [m for m in messages if m["role"] == "user"][-1]
    assert latest in left
    for message in messages:
        if message["role"] in ("system", "developer"):
            assert message in left


@settings(max_examples=120)
@given(conversations(last="any"), st.integers(10, 900), st.integers(10, 100))
def test_the_prompt_fits_the_budget_whenever_the_pins_do(
    messages: list[dict[str, Any]], high: int, percent: int
) -> None:
    assume(not any("function_call" in m for m in messages))
    low = max(1, high * percent // 100)
    config_split = {"split_over": 100}
    decision = decide(
        to_bytes(body(messages), 0), high, low, settings_for(NOWHERE, segments=config_split)
    )
    sent = json.loads(decision.body)
    assert decision.outcome.tokens_after == count(sent)
    if decision.body == to_bytes(body(messages), 0):
        return
    latest = max(i for i, m in enumerate(messages) if m["role"] == "user")
    tail = read(body(messages)).segments[-1]
    must = [m for i, m in enumerate(messages) if m["role"] in ("system", "developer") or i == latest]
    pinned = count(body(must)) + (tail.tokens if tail.role != "user" else 0)
    assert count(sent) <= max(low, pinned)


@pytest.mark.parametrize("field", ["reasoning_content", "name"])
def test_what_stands_beside_the_text_of_a_split_message_counts_too(field: str) -> None:
    text = "\n\n".join(f"paragraph {n} " * 20 for n in range(30))
    beside = "thinking " * 400 if field == "reasoning_content" else "n" * 64
    messages = [
        *long_chat(3)[:-1],
        {"role": "assistant", field: beside, "content": text},
        {"role": "user", "content": "paragraph 7?"},
    ]
    decision = decide(
        json.dumps(body(messages)).encode(),
        900,
        800,
        settings_for(NOWHERE, segments={"split_over": 200}),
    )
    assert decision.outcome.result == "cut"
    assert count(json.loads(decision.body)) <= 800


def test_the_same_input_gets_the_same_answer_in_a_fresh_process(tmp_path: Path) -> None:
    content = json.dumps(body(long_chat(60))).encode()
    (tmp_path / "body.json").write_bytes(content)
    script = (
        "import sys; from pathlib import Path; from support.deciding import decide\n"
        "sys.stdout.buffer.write(decide(Path(sys.argv[1]).read_bytes(), 900, 900, real=True).body)"
    )
    path = os.pathsep.join(map(str, (ROOT / ".package", ROOT, ROOT / "tests")))
    answers = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "body.json")],
            env=environment, capture_output=True, check=True, timeout=120, cwd=tmp_path,
        )  # fmt: skip
        answers.append(done.stdout)
    assert answers[0] == answers[1] == decide(content, 900, 900, real=True).body
    assert len(answers[0]) < len(content)


@settings(max_examples=30)
@given(conversations(last="any"), st.integers(10, 600))
def test_the_same_input_gets_the_same_answer_again(messages: list[dict[str, Any]], budget: int) -> None:
    content = to_bytes(body(messages), 0)
    assert decide(content, budget, budget).body == decide(content, budget, budget).body
