"""A Messages request's top level: what it asks of the provider beside an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveate.proxy.formats.messages import Messages
from support.messages import request, user

WIRE = Messages()


def outline(**more: Any) -> Any:
    return WIRE.read(json.dumps(request([user("hi")], **more)).encode())


@pytest.mark.parametrize(
    "thread", [{"type": "create"}, {"type": "continue", "previous_message_id": "m"}]
)
def test_a_history_that_the_server_holds_stays_as_it_is(thread: dict[str, str]) -> None:
    assert outline(thread=thread).stays == "thread"
    assert not outline(thread=None).stays


def test_nothing_is_decided_where_the_very_prompt_counts() -> None:
    assert outline(compaction={"type": "summarize"}).settled
    assert outline(fallback_credit_token="t").settled
    assert not outline(compaction=None).settled


@pytest.mark.parametrize(
    ("kinds", "edited"),
    [
        ([], False),
        (["clear_thinking_20251015"], False),
        (["clear_thinking_20251015", "clear_tool_uses_20250919"], True),
        (["compact_20260112"], True),
        (["fold_20270101"], True),
    ],
)
def test_edits_of_the_providers_are_noticed(kinds: list[str], edited: bool) -> None:
    assert outline(context_management={"edits": [{"type": kind} for kind in kinds]}).edited is edited


@pytest.mark.parametrize("odd", [7, [], {"edits": 7}, {"edits": [7]}, {}])
def test_odd_edits_are_the_providers_affair(odd: Any) -> None:
    assert isinstance(outline(context_management=odd).edited, bool)
