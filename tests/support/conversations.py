"""Conversations and segments for tests, and the rules that a valid request follows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tiktoken

from foveate.policies.features import extract
from foveate.policies.policy import Policy
from foveate.policies.prune import Situation, selection_of
from foveate.policies.recall import Turn
from foveate.policies.types import Budget, History, PruneState, Segment, Selection, Vectors
from foveate.proxy.formats.chat.order import LEFT_OUT
from foveate.proxy.formats.tokens import load_encoding
from support.parts import word_vector

TOPICS = (
    "the harbour bridge needs new steel cables before winter",
    "my sister's wedding cake has three layers of lemon sponge",
    "the parser drops the last token of every nested expression",
    "invoices for March were paid twice by the accounting office",
    "tomatoes grow best when the soil drains well and gets sun",
    "the night train to Vienna leaves from platform seven",
)


def segment(
    text: str = "words", *, tokens: int = 10, role: str = "user", turn: int = 1, **more: Any
) -> Segment:
    """Return a segment."""
    given = {"id": f"{role}-{turn}-{text[:20]}", "kind": "conversation", "key": (0, 0, -1), **more}
    return Segment(text=text, tokens=tokens, role=role, turn=turn, **given)


def history(segments: Sequence[Segment], query: str = "", vectors: Vectors | None = None) -> History:
    """Return what signals see of those segments."""
    rows = [word_vector(s.text) for s in segments]
    stacked = np.stack(rows) if rows else np.zeros((0, 64), dtype=np.float32)
    return History(
        segments=tuple(replace(s, key=(i, 0, -1)) for i, s in enumerate(segments)),
        features=[extract(s.text) for s in segments],
        vectors=stacked if vectors is None else vectors,
        query_text=query,
        query=extract(query),
        query_vector=word_vector(query),
        age_hours=np.zeros(len(segments)),
        recalls=np.zeros(len(segments)),
    )


def situation(
    segments: Sequence[Segment], query: str, policy: Policy, budget: Budget, state: PruneState
) -> Situation:
    """Return what is to be decided about those segments, which take together what their history takes.

    The conversation's previous prompt was made of `state`.
    """
    return Situation(segments, Turn(query), sum(s.tokens for s in segments), policy, budget, state)


def pruned(
    history: History, policy: Policy, budget: Budget, state: PruneState | None = None
) -> Selection:
    """Return the verdicts on a history of which `state`, nothing by default, was decided before."""
    given = situation(history.segments, history.query_text, policy, budget, state or PruneState())
    return selection_of(given, history)


def long_chat(
    turns: int = 40, question: str = "When does the night train to Vienna leave?"
) -> list[dict[str, Any]]:
    """Return a chat of `turns` user turns on several topics, then the question."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": "You are a patient assistant."}]
    for n in range(turns):
        topic = TOPICS[n % len(TOPICS)]
        messages.append({"role": "user", "content": f"Note {n}: {topic}. What do you think of that?"})
        messages.append(
            {
                "role": "assistant",
                "content": f"On note {n}, I agree that {topic}, and I would act on it soon.",
            }
        )
    return [*messages, {"role": "user", "content": question}]


def own(messages: list[Any]) -> list[Any]:
    """Return the caller's own messages of a prompt: less those that stand where a turn was left out."""
    return [m for m in messages if m.get("content") != LEFT_OUT]


def body(messages: list[Any], **more: Any) -> dict[str, Any]:
    """Return a chat completion's request."""
    return {"model": "gpt-4o", "messages": messages, **more}


def call(*ids: str, name: str = "look_up", content: str | None = None) -> dict[str, Any]:
    """Return an assistant message that makes those tool calls."""
    calls = [
        {"id": i, "type": "function", "function": {"name": name, "arguments": json.dumps({"key": i})}}
        for i in ids
    ]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def result(call_id: str, content: str = "found") -> dict[str, Any]:
    """Return a tool's result."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def problems(messages: Sequence[dict[str, Any]]) -> list[str]:
    """Return what OpenAI's API would refuse in those messages; written without a look at the product's own grouping."""
    found = []
    pending: dict[str, int] = {}
    function = ""
    for i, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            if not pending.get(message["tool_call_id"]):
                found.append(f"{i}: a result of {message['tool_call_id']!r} without its call")
            else:
                pending[message["tool_call_id"]] -= 1
            continue
        if role == "function":
            if function != message["name"]:
                found.append(f"{i}: a result of function {message['name']!r} without its call")
            function = ""
            continue
        found += [f"{i}: call {k!r} was never answered" for k, n in pending.items() if n]
        pending = {}
        for made in message.get("tool_calls") or []:
            pending[made["id"]] = pending.get(made["id"], 0) + 1
        function = (message.get("function_call") or {}).get("name", "")
    found += [f"end: call {k!r} was never answered" for k, n in pending.items() if n]
    return found


def count(request: dict[str, Any], encoding: str = "o200k_base") -> int:
    """Return the tokens of a prompt by the formula of OpenAI's cookbook, for messages of text and tool calls."""
    tokens = 3
    encode: tiktoken.Encoding = load_encoding(encoding)

    def size(text: str) -> int:
        return len(encode.encode(text, disallowed_special=()))

    for message in request["messages"]:
        content = message.get("content")
        texts = [content] if isinstance(content, str) else [part["text"] for part in content or []]
        tokens += 3 + size(message["role"]) + sum(size(text) for text in texts)
        if "name" in message:
            tokens += 1 + size(message["name"])
        if message.get("tool_calls"):
            tokens += size(json.dumps(message["tool_calls"], ensure_ascii=False))
        if "reasoning_content" in message:
            tokens += size(message["reasoning_content"])
    return tokens
