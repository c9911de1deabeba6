"""An agent's tool loop on each wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

ASKED = "Tidy the build up."
Steps = list[tuple[str, str]]  # the arguments of each call, and what it returned
Talk = Callable[[Steps], dict[str, Any]]


def by_chat(steps: Steps) -> dict[str, Any]:
    messages: list[Any] = [{"role": "user", "content": ASKED}]
    for n, (arguments, told) in enumerate(steps):
        made = {"id": f"c{n}", "type": "function", "function": {"name": "run", "arguments": arguments}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [made]})
        messages.append({"role": "tool", "tool_call_id": f"c{n}", "content": told})
    return {"model": "gpt-4o", "messages": messages}


def by_messages(steps: Steps) -> dict[str, Any]:
    messages: list[Any] = [{"role": "user", "content": ASKED}]
    for n, (arguments, told) in enumerate(steps):
        use = {"type": "tool_use", "id": f"c{n}", "name": "run", "input": json.loads(arguments)}
        answer = {"type": "tool_result", "tool_use_id": f"c{n}", "content": told}
        messages.append({"role": "assistant", "content": [use]})
        messages.append({"role": "user", "content": [answer]})
    return {"model": "gpt-4o", "max_tokens": 100, "messages": messages}


def by_responses(steps: Steps) -> dict[str, Any]:
    items: list[Any] = [{"role": "user", "content": ASKED}]
    for n, (arguments, told) in enumerate(steps):
        call = {"type": "function_call", "call_id": f"c{n}", "name": "run", "arguments": arguments}
        items.append(call)
        items.append({"type": "function_call_output", "call_id": f"c{n}", "output": told})
    return {"model": "gpt-4o", "input": items}


WIRES = {
    "/v1/chat/completions": by_chat,
    "/v1/messages": by_messages,
    "/v1/responses": by_responses,
}
