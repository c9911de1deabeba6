"""What became of the evidence: which messages of labelled conversations a prompt still has."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from foveate.proxy.errors import ConfigError
from foveate.proxy.formats.tokens import FALLBACK, TokenCounter

Message = dict[str, Any]
TOLERANCE = 1.02  # over the budget by more than this counts as over


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation, its latest user turn, and which of its messages hold the evidence."""

    source: str
    conversation: str
    messages: Sequence[Message]
    # Of positions: one is satisfied when any of its messages survives
    groups: tuple[frozenset[int], ...]
    # What each group is about, lower case, where that alone is enough: a line of a long result may have it
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sizes:
    """Tokens of a case, by the data's rule."""

    messages: tuple[int, ...]
    fixed: int  # of what is never pruned: system messages and the latest turn

    @property
    def history(self) -> int:
        """Tokens of what can be pruned."""
        return sum(self.messages) - self.fixed

    def budget(self, share: float) -> int:
        """Return the tokens of the whole prompt that keeps `share` of the history."""
        return int(share * self.history) + self.fixed


@dataclass(frozen=True, slots=True)
class Judged:
    """What one contestant did to one case at one budget."""

    contestant: str
    source: str
    conversation: str
    budget: float  # share of the history
    recall: float
    kept: float  # share of the history's tokens
    over: bool
    invalid: bool


class Ruler:
    """Counts tokens by the data's rule, each text once."""

    def __init__(self) -> None:
        self._counter = TokenCounter(FALLBACK)
        self._sizes: dict[str, int] = {}

    def sizes(self, case: Case) -> Sizes:
        """Return the case's tokens."""
        tokens = tuple(self.size(m) for m in case.messages)
        always = [
            i for i, m in enumerate(case.messages) if m["role"] == "system" or i == len(tokens) - 1
        ]
        return Sizes(tokens, sum(tokens[i] for i in always))

    def size(self, message: Message) -> int:
        """Return a message's tokens by the data's rule: content, tool calls as JSON, and 4."""
        calls = message.get("tool_calls")
        text = text_of(message) + (json.dumps(calls, ensure_ascii=False) if calls else "")
        if text not in self._sizes:
            self._sizes[text] = 4 + self._counter.text(text)
        return self._sizes[text]


def load_cases(folder: Path, sources: Sequence[str] = (), limit: int = 0) -> list[Case]:
    """Return the scored cases of a folder, at most `limit` of each source, evenly spaced; ConfigError
    without any.
    """
    cases = folder / "cases.jsonl"
    if not cases.is_file():
        raise ConfigError(f"{cases} is missing; name a folder with cases.jsonl and conversations/")
    conversations: dict[str, list[Message]] = {}
    found: dict[str, list[Case]] = defaultdict(list)
    for raw in map(orjson.loads, cases.read_bytes().splitlines()):
        if not raw.get("scored", True) or (sources and raw["source"] not in sources):
            continue
        name = raw["conversation"]
        if name not in conversations:
            places = (folder / "conversations" / f"{name}.json", folder / f"{name}.json")
            path = next((place for place in places if place.is_file()), places[0])
            conversations[name] = orjson.loads(path.read_bytes())["messages"]
        messages = [*conversations[name][: raw["history_len"]], raw["question"]]
        prunable = {i for i, m in enumerate(messages[:-1]) if m["role"] != "system"}
        groups = tuple(frozenset(g) & prunable for g in raw["evidence_any_of"] if set(g) & prunable)
        if groups:
            found[raw["source"]].append(Case(raw["source"], name, messages, groups))
    if not found:
        raise ConfigError(f"{cases} has no scored case of {', '.join(sources) or 'any source'}")
    return [case for mine in found.values() for case in spaced(mine, limit)]


def spaced(cases: list[Case], limit: int) -> list[Case]:
    """Return at most `limit` of `cases`, evenly spaced; all of them for 0."""
    return [cases[i * len(cases) // limit] for i in range(limit)] if 0 < limit < len(cases) else cases


def judge_case(
    name: str,
    case: Case,
    sizes: Sizes,
    share: float,
    sent: Sequence[Message],
    size: Callable[[Message], int],
) -> Judged:
    """Return what became of a case in the prompt that was sent."""
    pairs, ordered = align(case.messages, sent)
    copied = {position for _, position in pairs}
    rewritten = [text_of(m) for position, m in enumerate(sent) if position not in copied]
    survivors = {original for original, _ in pairs}
    wanted = frozenset().union(*case.groups) - survivors
    survivors |= {
        i for i in wanted if any(holds(text, text_of(case.messages[i])) for text in rewritten)
    }
    tokens = sum(size(m) for m in sent)
    left = [bool(group & survivors) for group in case.groups]
    if case.values:
        said = "\n".join(rewritten).lower()
        left = [kept or value in said for kept, value in zip(left, case.values, strict=True)]
    return Judged(
        contestant=name, source=case.source, conversation=case.conversation, budget=share,
        recall=sum(left) / len(left),
        kept=max(0, tokens - sizes.fixed) / max(1, sizes.history),
        over=tokens > sizes.budget(share) * TOLERANCE,
        invalid=not ordered or broken(case.messages, sent, survivors),
    )  # fmt: skip


def align(original: Sequence[Message], sent: Sequence[Message]) -> tuple[list[tuple[int, int]], bool]:
    """Return pairs of positions of exact copies, from the end, and whether none stands out of order."""
    places: dict[bytes, list[int]] = defaultdict(list)
    for i, message in enumerate(original):
        places[identity(message)].append(i)
    pairs: list[tuple[int, int]] = []
    end, ordered = len(original), True
    for position in range(len(sent) - 1, -1, -1):
        known = places.get(identity(sent[position]), [])
        before = [i for i in known if i < end]
        if before:
            end = before[-1]
            pairs.append((end, position))
        elif known:
            ordered = False
    return pairs, ordered


def identity(message: Message) -> bytes:
    """Return the same bytes for messages that say the same."""
    return orjson.dumps(
        {**message, "content": message.get("content") or ""}, option=orjson.OPT_SORT_KEYS
    )


def holds(text: str, wanted: str) -> bool:
    """Return whether a rewritten message has the whole of another one, on word boundaries."""
    return bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text) is not None


def broken(original: Sequence[Message], sent: Sequence[Message], survivors: set[int]) -> bool:
    """Return whether a tool call lost its result or a result its call, or instructions or the latest
    turn are gone.
    """
    missing = any(m["role"] == "system" and i not in survivors for i, m in enumerate(original))
    last = len(original) - 1 in survivors or _stands_for(original[-1], sent)
    return missing or not last or dangling(sent) > dangling(original)


def _stands_for(latest: Message, sent: Sequence[Message]) -> bool:
    """Return whether a prompt ends with a tool's latest result, which may be shortened."""
    key = latest.get("tool_call_id")
    return bool(sent) and key is not None and sent[-1].get("tool_call_id") == key


def dangling(messages: Sequence[Message]) -> int:
    """Return how many tool calls have no result right behind them, and results no call ahead."""
    count = 0
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message.get("tool_call_id") in waiting:
                waiting.remove(str(message["tool_call_id"]))
            else:
                count += 1
            continue
        count += len(waiting)
        waiting = [str(call.get("id")) for call in message.get("tool_calls") or []]
    return count + len(waiting)


def text_of(message: Message) -> str:
    """Return the text of a message's content."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return content or ""
