"""Conversations of the Messages API for tests, and the rules that a valid request follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from support.conversations import TOPICS

Block = dict[str, Any]
Message = dict[str, Any]
THOUGHTS = ("thinking", "redacted_thinking")


def request(messages: Sequence[Message], **more: Any) -> dict[str, Any]:
    """Return a request."""
    return {"model": "claude-test", "max_tokens": 1024, "messages": list(messages), **more}


def user(*content: Block | str) -> Message:
    """Return a user's message of words and blocks."""
    return {
        "role": "user",
        "content": [text(part) if isinstance(part, str) else part for part in content],
    }


def assistant(*content: Block | str) -> Message:
    """Return an assistant's message of words and blocks."""
    return {
        "role": "assistant",
        "content": [text(part) if isinstance(part, str) else part for part in content],
    }


def text(said: str, **more: Any) -> Block:
    """Return a block of text."""
    return {"type": "text", "text": said, **more}


def thought(said: str, signature: str = "c2lnbmVk") -> Block:
    """Return a block of signed reasoning."""
    return {"type": "thinking", "thinking": said, "signature": signature}


def use(key: str, name: str = "look_up", **given: Any) -> Block:
    """Return a call of a tool."""
    return {"type": "tool_use", "id": key, "name": name, "input": given or {"q": key}}


def result(key: str, said: Any = "done", **more: Any) -> Block:
    """Return what a call has returned."""
    return {"type": "tool_result", "tool_use_id": key, "content": said, **more}


def long_talk(
    turns: int = 40, question: str = "When does the night train to Vienna leave?"
) -> list[Message]:
    """Return a talk of `turns` user turns on several topics, then the question."""
    messages: list[Message] = []
    for n in range(turns):
        topic = TOPICS[n % len(TOPICS)]
        messages.append({"role": "user", "content": f"Note {n}: {topic}."})
        messages.append(assistant(f"Noted as number {n}: {topic}."))
    return [*messages, {"role": "user", "content": question}]


def blocks(message: Message) -> list[Block]:
    """Return a message's content as blocks."""
    content = message["content"]
    return [text(content)] if isinstance(content, str) else content


def problems(body: dict[str, Any]) -> list[str]:
    """Return what the API would refuse, empty where it would take the request.

    After Anthropic's pages "Create a Message", "Handle tool calls", "Extended thinking", "Prompt caching" and
    "Mid-conversation system messages".
    """
    messages = body["messages"]
    return [*shapes(messages), *order(messages), *pairs(messages), *marks(messages), *loops(body)]


def turns(messages: Sequence[Message]) -> list[tuple[str, list[Block]]]:
    """Return messages with those of one role in a row taken together, as the API takes them."""
    found: list[tuple[str, list[Block]]] = []
    for message in messages:
        if found and found[-1][0] == message["role"]:
            found[-1][1].extend(blocks(message))
        else:
            found.append((message["role"], list(blocks(message))))
    return found


def shapes(messages: Sequence[Message]) -> Iterator[str]:
    """Yield what is wrong with single messages."""
    if not messages or messages[0]["role"] != "user":
        yield "the first message is not the user's"
    for n, message in enumerate(messages):
        content = blocks(message)
        if not content:
            yield f"message {n} is empty"
        if any(part["type"] == "text" and not part["text"].strip() for part in content):
            yield f"message {n} has a blank text"
        if message["role"] == "assistant" and content and content[-1]["type"] in THOUGHTS:
            yield f"message {n} ends with reasoning"


def order(messages: Sequence[Message]) -> Iterator[str]:
    """Yield system messages where none may stand."""
    found = turns(messages)
    for n, (role, _) in enumerate(found):
        if role != "system":
            continue
        if n == 0 or found[n - 1][0] != "user":
            yield f"turn {n}: a system message behind no user's"
        if n + 1 < len(found) and found[n + 1][0] != "assistant":
            yield f"turn {n}: a system message ahead of no assistant's"


def pairs(messages: Sequence[Message]) -> Iterator[str]:
    """Yield calls without results and results without calls."""
    found = turns(messages)
    for n, (role, content) in enumerate(found):
        if role == "assistant":
            follows = found[n + 1][1] if n + 1 < len(found) and found[n + 1][0] == "user" else []
            yield from (
                f"turn {n}: {key} is not answered at once"
                for key in called(content) - answered(follows)
            )
            yield from served(n, content, last=n + 1 == len(found))
        elif role == "user":
            asked = called(found[n - 1][1]) if n and found[n - 1][0] == "assistant" else set()
            keys = [part["tool_use_id"] for part in content if part["type"] == "tool_result"]
            yield from (f"turn {n}: {key} was not asked for" for key in keys if key not in asked)
            if len(set(keys)) < len(keys):
                yield f"turn {n}: a call is answered twice"


def called(content: Sequence[Block]) -> set[str]:
    """Return the ids of a turn's calls."""
    return {part["id"] for part in content if part["type"] == "tool_use"}


def answered(content: Sequence[Block]) -> set[str]:
    """Return the ids of the results at a turn's beginning: those behind other blocks do not count."""
    keys = set()
    for part in content:
        if part["type"] != "tool_result":
            break
        keys.add(part["tool_use_id"])
    return keys


def served(n: int, content: Sequence[Block], last: bool) -> Iterator[str]:
    """Yield what is wrong with the provider's own tools in a turn."""
    waiting: set[str] = set()
    for part in content:
        if part["type"] == "server_tool_use":
            waiting.add(part["id"])
        elif part["type"].endswith("_tool_result"):
            if part["tool_use_id"] not in waiting:
                yield f"turn {n}: {part['tool_use_id']} answers nothing"
            waiting.discard(part["tool_use_id"])
    if waiting and not last:
        yield f"turn {n}: {waiting} have no result"


def marks(messages: Sequence[Message]) -> Iterator[str]:
    """Yield too many cache marks, and marks where none may be."""
    marked = [part for message in messages for part in blocks(message) if part.get("cache_control")]
    if len(marked) > 4:
        yield f"{len(marked)} cache marks"
    if any(part["type"] in THOUGHTS for part in marked):
        yield "a cache mark on reasoning"


def loops(body: dict[str, Any]) -> Iterator[str]:
    """Yield an open tool loop without the reasoning that a manual budget asks for."""
    if body.get("thinking", {}).get("type") != "enabled":
        return
    found = turns(body["messages"])
    inside = any(part["type"] == "tool_result" for part in found[-1][1])
    latest = next((content for role, content in reversed(found) if role == "assistant"), [])
    if inside and latest and latest[0]["type"] not in THOUGHTS:
        yield "the open loop does not begin with reasoning"
