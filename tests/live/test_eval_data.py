"""Real tool conversations, pruned hard: not one request may come out invalid."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.client import chat
from support.conversations import body, problems
from support.deciding import decide_all
from support.server import Live
from support.upstream import Upstream

DATA = Path(__file__).parent.parent / "data"
EVAL = Path(__file__).parent.parent.parent.parent / "shared" / "eval"
OURS = sorted(DATA.glob("*.json"))
# Stands where a part of a text or a piece of a tool result is missing
MARK = re.compile(r"\[\.\.\. [^\[\]]{0,40}\d[^\[\]]{0,40} left out\b[^\[\]]* \.\.\.\]")
SHARES = (0.10, 0.25, 0.50)


def with_question(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Up to and with the last user turn, as a client would send it."""
    last = max(i for i, m in enumerate(messages) if m["role"] == "user")
    return messages[: last + 1]


def check(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    """What is left is valid, in order, and has its instructions and its latest turn."""
    assert problems(after) == problems(before) == []
    assert before[-1] in after
    assert [m for m in before if m["role"] == "system"] == [m for m in after if m["role"] == "system"]
    position = -1
    for message in after:
        if message in before[position + 1 :]:
            position = before.index(message, position + 1)
        else:
            assert MARK.search(json.dumps(message))


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.stem)
@pytest.mark.parametrize("share", SHARES)
def test_our_own_conversations_stay_valid_through_the_server(
    full: Live, upstream: Upstream, path: Path, share: float
) -> None:
    conversation = json.loads(path.read_text())
    messages = with_question(conversation["messages"])
    budget = max(1, int(share * sum(conversation["tokens"])))
    answer = chat(full.url, body(messages), budget=str(budget), sticky="off", key="sk-data")
    assert answer.status == 200
    assert answer.result in ("cut", "untouched", "over")
    check(messages, upstream.last.messages)


def test_the_conversations_in_the_repository_are_the_licensed_ones() -> None:
    notice = (DATA / "NOTICE").read_text()
    assert OURS
    for path in OURS:
        assert f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" in notice
        assert "MIT" in json.loads(path.read_text())["license"]
        assert "locomo" not in path.read_text().lower()
    for holder in ("2024 Sierra", "2025 Sierra Research", "2024 John Yang", "2021 Yale-LILY"):
        assert f"Copyright (c) {holder}" in notice
    assert notice.count("Permission is hereby granted, free of charge") >= 1


@pytest.mark.skipif(
    not EVAL.is_dir(),
    reason=f"the evaluation data is not at {EVAL}; our own fixtures are tested anyway",
)
def test_every_real_tool_conversation_stays_valid() -> None:
    names = [
        json.loads(line)["conversation"]
        for line in (EVAL / "tool_transcripts.jsonl").read_text().splitlines()
    ]
    asked: list[tuple[bytes, int, int]] = []
    for name in names:
        conversation = json.loads((EVAL / "conversations" / f"{name}.json").read_text())
        whole = conversation["messages"]
        for messages in (whole, with_question(whole)):
            if not problems(messages):
                budgets = [max(1, int(share * sum(conversation["tokens"]))) for share in SHARES]
                asked += [(json.dumps(body(messages)).encode(), budget, budget) for budget in budgets]
    assert len(asked) > 3 * len(names)
    decisions = decide_all(asked)
    assert {d.outcome.result for d in decisions} <= {"cut", "untouched", "over"}
    assert [p for d in decisions for p in problems(json.loads(d.body)["messages"])] == []
    assert sum(d.outcome.dropped > 0 for d in decisions) > len(decisions) // 2
