"""Chat messages as each API has them, and back: the same conversations on every wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import orjson

from foveate.proxy.evaluation.evidence import Message, text_of

Part = dict[str, Any]


@dataclass(frozen=True)
class Wire:
    """An API, and how it says what a chat completion's messages say."""

    path: str
    parts: Callable[[Message], list[Part]]  # what a message becomes
    body: Callable[[Sequence[Message]], dict[str, Any]]
    said: Callable[[dict[str, Any]], Iterator[Part]]  # all parts of a body, in order
    answer: dict[str, Any]

    def messages(self, sent: dict[str, Any], given: Sequence[Message]) -> list[Message]:
        """Return a body as chat messages: those of `given` whose parts stand there, the rest as text."""
        known: dict[bytes, list[Message]] = {}
        for message in given:
            known.setdefault(orjson.dumps(self.parts(message)[:1]), []).append(message)
        left, found = list(self.said(sent)), []
        while left:
            same = known.get(orjson.dumps(left[:1]), [])
            whole = [m for m in same if self.parts(m) == left[: len(self.parts(m))]]
            found.append(whole[0] if whole else plain(left[0]))
            del left[: len(self.parts(whole[0])) if whole else 1]
        return found


def plain(part: Part) -> Message:
    """Return a part that no message has become, such as a shortened result, as a message."""
    if part.get("type") in ("function_call", "tool_use"):
        call = {"id": part.get("call_id") or part["id"], "function": {"name": part["name"]}}
        return {"role": "assistant", "content": "", "tool_calls": [call]}
    answers = part.get("tool_call_id") or part.get("call_id") or part.get("tool_use_id")
    content = part.get("content") or part.get("output") or part.get("text") or ""
    said = {
        "role": part.get("role", "tool" if answers else "user"),
        "content": text_of({"content": content}),
    }
    return {**said, "tool_call_id": answers} if answers else said


def nameless(messages: Sequence[Message]) -> list[Message]:
    """Return the messages less the names of their authors, which chat completions alone can say."""
    return [{n: v for n, v in message.items() if n != "name"} for message in messages]


def chat_parts(message: Message) -> list[Part]:
    """Return a message as chat completions have it."""
    return [message]


def chat_body(messages: Sequence[Message]) -> dict[str, Any]:
    """Return a chat completion's request."""
    return {"model": "gpt-4o", "messages": list(messages)}


def chat_said(body: dict[str, Any]) -> Iterator[Part]:
    """Yield the parts of a chat completion's request."""
    yield from body["messages"]


def response_parts(message: Message) -> list[Part]:
    """Return a message as input items: its text, then its calls."""
    if message["role"] == "tool":
        call = {"type": "function_call_output", "call_id": message.get("tool_call_id", "")}
        return [{**call, "output": text_of(message)}]
    calls = message.get("tool_calls") or []
    text = text_of(message)
    spoken = (
        [{"type": "message", "role": message["role"], "content": text}] if text or not calls else []
    )
    return spoken + [
        {
            "type": "function_call",
            "call_id": call["id"],
            "name": call["function"]["name"],
            "arguments": call["function"]["arguments"],
        }
        for call in calls
    ]


def response_body(messages: Sequence[Message]) -> dict[str, Any]:
    """Return a request for a response."""
    return {
        "model": "gpt-4o",
        "input": [p for m in messages for p in response_parts(m)],
        "store": False,
    }


def response_said(body: dict[str, Any]) -> Iterator[Part]:
    """Yield the parts of a request for a response."""
    yield from body["input"]


def block_parts(message: Message) -> list[Part]:
    """Return a message as content blocks, each with its role: its text, then its calls."""
    if message["role"] == "tool":
        result = {"type": "tool_result", "tool_use_id": message.get("tool_call_id", "")}
        return [{**result, "content": text_of(message)}]
    calls = message.get("tool_calls") or []
    text = text_of(message)
    role = message["role"]
    spoken = [{"type": "text", "text": text, "role": role}] if text or not calls else []
    return spoken + [
        {
            "type": "tool_use",
            "id": call["id"],
            "name": call["function"]["name"],
            "input": orjson.loads(call["function"]["arguments"] or "{}"),
        }
        for call in calls
    ]


def talk_body(messages: Sequence[Message]) -> dict[str, Any]:
    """Return a request of Messages: system text at the top, the results of one turn in one message."""
    system = "\n\n".join(text_of(m) for m in messages if m["role"] == "system")
    rest = enumerate(m for m in messages if m["role"] != "system")
    turns = []
    for results, run in groupby(rest, lambda each: each[1]["role"] == "tool" or each[0]):
        blocks = [p for _, m in run for p in block_parts(m)]
        role = "assistant" if blocks[0].get("role") == "assistant" or "input" in blocks[0] else "user"
        content = [{n: v for n, v in block.items() if n != "role"} for block in blocks]
        alone = results is not True and len(content) == 1 and content[0]["type"] == "text"
        turns.append({"role": role, "content": content[0]["text"] if alone else content})
    body = {"model": "claude-sonnet-4-5", "max_tokens": 1024, "messages": turns}
    return {**body, "system": system} if system else body


def talk_said(body: dict[str, Any]) -> Iterator[Part]:
    """Yield the parts of a request of Messages."""
    if body.get("system"):
        yield {"type": "text", "text": text_of({"content": body["system"]}), "role": "system"}
    for turn in body["messages"]:
        content = turn["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            yield {**block, "role": turn["role"]} if block["type"] == "text" else block


WIRES = {
    "chat": Wire(
        "/chat/completions",
        chat_parts,
        chat_body,
        chat_said,
        {
            "id": "1",
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "ok"},
                    "finish_reason": "stop",
                }
            ],
        },
    ),
    "responses": Wire(
        "/responses",
        response_parts,
        response_body,
        response_said,
        {"id": "1", "object": "response", "status": "completed", "output": []},
    ),
    "messages": Wire(
        "/messages",
        block_parts,
        talk_body,
        talk_said,
        {"id": "1", "type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn"},
    ),
}
