"""Cases from one's own conversations: what each turn's answer came back to is what pruning should have kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from foveate.policies.features import extract
from foveate.proxy.errors import ConfigError, FormatError
from foveate.proxy.evaluation.evidence import Case, Message, spaced, text_of
from foveate.proxy.formats import Format, load_formats
from foveate.proxy.formats.messages.content import OWN_KINDS
from foveate.proxy.formats.parsed import Block
from foveate.proxy.formats.tokens import FALLBACK, TokenCounter
from foveate.proxy.observers.recent import Recent
from foveate.proxy.observers.store.sought import MOST, Sought

SOURCE = "own"
UNSPLIT = 10**9  # tokens: nothing is cut into pieces here
STEPS = 8  # of a conversation, evenly spaced
COMMON = 3  # messages: a value that more of them name is no evidence of one
GROUPS = 12  # values a case, the rarest first
LEAST = 6  # messages of a history that is worth pruning


def own_cases(path: Path, limit: int = 0) -> list[Case]:
    """Return the cases of a file of requests, one a line or the only one; ConfigError without any.

    A request is a body of any API, or such a body under `request`.
    """
    wires = list(load_formats().values())
    found: list[Case] = []
    for number, raw in enumerate(_requests(path), 1):
        messages = messages_of(raw, wires)
        if messages is None:
            raise ConfigError(f"{path}: request {number} is of none of the APIs that are pruned")
        found += cases_of(f"{path.stem}-{number}", messages)
    return _enough(found, str(path), limit)


def kept_cases(folder: Path, limit: int = 0) -> list[Case]:
    """Return the cases of the requests that a server has kept in its data folder, of each conversation the
    latest; ConfigError without any.
    """
    if not (folder / "outcomes.sqlite3").is_file():
        raise ConfigError(
            f"{folder} keeps no requests; serve with recent.keep_text: true, or name a file"
        )
    recent = Recent(MOST, 1 << 40, folder)
    try:
        latest = {o.outcome.conversation: o.outcome.id for o in recent.find(Sought(limit=MOST))}
        requests = {name: recent.request(key) for name, key in latest.items()}
    finally:
        recent.close()
    found: list[Case] = []
    for name, request in requests.items():
        messages = messages_of(request.body, [request.format]) if request else None
        found += cases_of(name, messages or [])
    return _enough(found, f"what {folder} keeps", limit)


def _enough(found: list[Case], named: str, limit: int) -> list[Case]:
    if not found:
        raise ConfigError(
            f"{named} has no conversation that comes back to anything earlier; longer ones are needed"
        )
    return spaced(found, limit)


def _requests(path: Path) -> Iterator[bytes]:
    """Yield the requests of a file; ConfigError where it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        whole = [orjson.loads(content)]
    except ValueError:
        whole = []
        for number, line in enumerate(content.splitlines(), 1):
            try:
                whole += [orjson.loads(line)] if line.strip() else []
            except ValueError as error:
                raise ConfigError(f"{path}: line {number} is not JSON: {error}") from None
    for each in whole:
        yield orjson.dumps(each.get("request", each) if isinstance(each, dict) else {"messages": each})


def messages_of(raw: bytes, wires: Sequence[Format]) -> list[Message] | None:
    """Return a request's messages as a chat completion's, None where it is of none of those APIs."""
    counter = TokenCounter(FALLBACK)
    last = "chat" if looks_like_messages(orjson.loads(raw)) else ""
    for wire in sorted(wires, key=lambda wire: wire.name == last):
        try:
            outline = wire.read(raw)
        except FormatError:
            continue
        if wire.name == "chat":
            return [dict(orjson.loads(item)) for item in outline.items]
        blocks = [b for item in outline.items for b in wire.parse(item, counter, UNSPLIT).blocks]
        return [message_of(block) for block in blocks]
    return None


def looks_like_messages(plain: dict[str, Any]) -> bool:
    """Say whether a request is rather one of Anthropic's API, whose field is chat completions' too."""
    contents = [m.get("content") for m in plain.get("messages") or [] if isinstance(m, dict)]
    kinds = {
        block.get("type")
        for content in contents
        if isinstance(content, list)
        for block in content
        if isinstance(block, dict)
    }
    return "system" in plain or bool(kinds & OWN_KINDS)


def message_of(block: Block) -> Message:
    """Return a block of any API as a chat completion's message."""
    if block.answers:
        return {"role": "tool", "tool_call_id": block.answers, "content": block.whole}
    message: Message = {"role": block.role, "content": block.whole}
    if block.made:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.tool, "arguments": call.said}}
            for call in block.made
        ]
    return message


def cases_of(name: str, messages: Sequence[Message]) -> list[Case]:
    """Return a case for some of the model's answers and calls: what it was asked, and where stands what it
    names.
    """
    found = []
    for i in range(LEAST + 1, len(messages)):
        if messages[i].get("role") == "assistant" and messages[i - 1].get("role") != "assistant":
            places = evidence(messages[: i - 1], messages[i - 1], messages[i])
            if places:
                groups = tuple(places.values())
                found.append(Case(SOURCE, name, messages[:i], groups, tuple(places)))
    return spaced(found, STEPS)


def evidence(
    history: Sequence[Message], question: Message, answer: Message
) -> dict[str, frozenset[int]]:
    """Return for each value that an answer takes from the history the messages that have it.

    A value counts where few messages have it and the question itself does not: the model can only have
    it from there.
    """
    places: dict[str, set[int]] = defaultdict(set)
    for i, message in enumerate(history):
        if message.get("role") != "system":
            for value in values_of(message):
                places[value].add(i)
    asked = values_of(question)
    named = [value for value in values_of(answer) if value not in asked]
    known = [value for value in named if 0 < len(places.get(value, ())) <= COMMON]
    rarest = sorted(known, key=lambda value: len(places[value]))[:GROUPS]
    return {value: frozenset(places[value]) for value in rarest}


def values_of(message: Message) -> dict[str, None]:
    """Return the literal values of a message, its tool calls included, each once."""
    calls: Any = message.get("tool_calls") or []
    said = " ".join([str(call.get("function", {}).get("arguments", "")) for call in calls])
    return dict.fromkeys(extract(f"{text_of(message)} {said}").identifiers)
