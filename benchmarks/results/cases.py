"""Labelled tool sessions: what each case's next calls need, and what a prompt still shows of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from foveate.proxy.formats.tokens import FALLBACK, TokenCounter

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    id: str
    source: str
    conversation: str
    messages: list[Message]  # the last one is what the agent reads now
    values: tuple[str, ...]
    hard: tuple[bool, ...]  # whether each stands in tool results alone


def load(folder: Path, sources: Sequence[str] = ()) -> list[Case]:
    conversations: dict[str, list[Message]] = {}
    found = []
    for raw in map(orjson.loads, (folder / "cases.jsonl").read_bytes().splitlines()):
        if (
            not raw["scored"]
            or not raw.get("evidence_values")
            or (sources and raw["source"] not in sources)
        ):
            continue
        name = raw["conversation"]
        if name not in conversations:
            conversations[name] = orjson.loads(
                (folder / "conversations" / f"{name}.json").read_bytes()
            )["messages"]
        messages = [*conversations[name][: raw["history_len"]], raw["question"]]
        values = tuple(raw["evidence_values"])
        found.append(
            Case(
                raw["id"],
                raw["source"],
                name,
                messages,
                values,
                tuple(only(messages, v) for v in values),
            )
        )
    return found


def only(messages: Sequence[Message], value: str) -> bool:
    """Whether tool results alone carry a value."""
    homes = [m["role"] for m in messages[:-1] if m["role"] != "system" and stands_in(said(m), value)]
    return all(role == "tool" for role in homes)


def text_of(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return content or ""


def said(message: Message) -> str:
    """What a model reads of a message: its content and the arguments of its calls, JSON escapes undone."""
    parts = [text_of(message)]
    for call in message.get("tool_calls") or []:
        arguments = call.get("function", {}).get("arguments") or ""
        parts.append(arguments)
        try:
            parts += [str(v) for v in json.loads(arguments).values()]
        except (ValueError, AttributeError):
            continue
    return "\n".join(parts)


@lru_cache(maxsize=4096)
def pattern(value: str) -> re.Pattern[str]:
    return re.compile(r"(?<![A-Za-z0-9])" + re.escape(value) + r"(?![A-Za-z0-9])")


def stands_in(text: str, value: str) -> bool:
    return value in text and pattern(value).search(text) is not None


class Ruler:
    """Counts tokens by the data's rule, each text once."""

    def __init__(self) -> None:
        self._counter = TokenCounter(FALLBACK)
        self._known: dict[str, int] = {}

    def text(self, text: str) -> int:
        if text not in self._known:
            if len(self._known) > 200_000:
                self._known.clear()
            self._known[text] = self._counter.text(text)
        return self._known[text]

    def message(self, message: Message) -> int:
        calls = message.get("tool_calls")
        return (
            4
            + self.text(text_of(message))
            + (self.text(json.dumps(calls, ensure_ascii=False)) if calls else 0)
        )

    def messages(self, messages: Iterable[Message]) -> int:
        return sum(self.message(m) for m in messages)


def units_of(messages: Sequence[Message]) -> list[list[int]]:
    """Positions that stay together: a call with its results; system messages left out."""
    units: list[list[int]] = []
    opened = False
    for i, message in enumerate(messages):
        if message["role"] == "system":
            opened = False
        elif message["role"] == "tool" and opened:
            units[-1].append(i)
        else:
            units.append([i])
            opened = bool(message.get("tool_calls"))
    return units
