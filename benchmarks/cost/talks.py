"""Conversations as they were held, request by request, with questions put along the way where the data has them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Message = dict[str, Any]
FIXTURES = Path(__file__).parents[2] / "tests" / "data"


@dataclass(frozen=True)
class Case:
    """A question on a conversation, and the messages that answer it: one of each group does."""

    id: str
    conversation: str
    asked_after: int  # messages
    question: Message
    answer: str
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Request:
    """What a caller sends: the first `end` messages; `groups` is the evidence that it should hold."""

    end: int
    groups: tuple[tuple[int, ...], ...] = ()


def conversations(
    data: Path | None, sources: list[str], limit: int | None
) -> Iterator[tuple[str, list[Message]]]:
    """Yield name and messages of each conversation of users and assistants, `limit` a source."""
    taken: dict[str, int] = {}
    for path in sorted((data / "conversations" if data else FIXTURES).glob("*.json")):
        read = json.loads(path.read_text())
        source = read["source"]
        if (sources and source not in sources) or {"user", "assistant"} - {
            m["role"] for m in read["messages"]
        }:
            continue
        taken[source] = taken.get(source, 0) + 1
        if limit is None or taken[source] <= limit:
            yield path.stem, read["messages"]


def cases(data: Path | None) -> list[Case]:
    """Return the questions of the data, none without it."""
    rows = (
        [json.loads(line) for line in (data / "cases.jsonl").read_text().splitlines()] if data else []
    )
    return [
        Case(
            r["id"], r["conversation"], r["history_len"], r["question"], str(r.get("answer") or "I do not know."),
            tuple(kept for g in r["evidence_any_of"] if (kept := tuple(i for i in g if i < r["history_len"]))),
        )
        for r in rows
        if r["scored"]
    ]  # fmt: skip


def held(messages: list[Message], asked: list[Case], every: int) -> tuple[list[Message], list[Request]]:
    """Return the conversation with its questions put in, and its requests: one wherever an assistant speaks next.

    After every `every` messages one of the questions that can be answered by then is asked. A question that is the
    conversation's own next message is measured where it stands.
    """
    own = {
        c.asked_after: c for c in asked if messages[c.asked_after : c.asked_after + 1] == [c.question]
    }
    pool = [c for c in asked if c not in own.values() and c.groups]
    script: list[Message] = []
    requests: list[Request] = []
    place: list[int] = []
    due = every

    def moved(case: Case) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(place[i] for i in group) for group in case.groups)

    for i, message in enumerate([*messages, None]):
        spoken = (
            i > 0 and messages[i - 1]["role"] == "assistant" and not messages[i - 1].get("tool_calls")
        )
        ready = [c for c in pool if max(max(g) for g in c.groups) < i] if i >= due and spoken else []
        if ready:
            case = min(ready, key=lambda c: hashlib.sha1(f"{c.id}/{i}".encode()).digest())
            pool.remove(case)
            script.append(case.question)
            requests.append(Request(len(script), moved(case)))
            script.append({"role": "assistant", "content": case.answer})
        if i >= due and spoken:
            due += every
        if message is None:
            break
        place.append(len(script))
        script.append(message)
        if message["role"] in ("user", "tool") and (
            i + 1 == len(messages) or messages[i + 1]["role"] == "assistant"
        ):
            requests.append(Request(len(script), moved(own[i]) if i in own else ()))
    return script, requests
