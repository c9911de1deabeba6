"""What OpenAI refuses of a chat completion (API reference, "Create chat completion")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
SAYS_NOTHING = ("tool_calls", "function_call", "refusal", "audio")  # beside these content may be null


def chat_faults(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a request."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "[] is too short - 'messages'"
        return
    for n, message in enumerate(messages):
        yield from _alone(n, message)
    yield from _calls(messages)


def _alone(n: int, message: Message) -> Iterator[str]:
    role = message.get("role")
    if role not in ROLES:
        yield f"Invalid value: '{role}'. Supported values are: {', '.join(sorted(ROLES))}."
    content = message.get("content")
    if content is None and not any(message.get(name) for name in SAYS_NOTHING):
        yield f"Invalid value for 'content': expected a string, got null. (messages.[{n}].content)"
    if content == [] or message.get("tool_calls") == []:
        yield f"[] is too short - 'messages.{n}'"


def _calls(messages: Sequence[Message]) -> Iterator[str]:
    """Yield what is wrong between calls and results: each is answered before anything else comes."""
    waiting: list[str] = []
    for n, message in enumerate(messages):
        if message.get("role") == "tool":
            name = message.get("tool_call_id")
            if name not in waiting:
                yield (
                    "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                    f" (messages.[{n}].role)"
                )
            else:
                waiting.remove(str(name))
            continue
        if waiting:
            yield unanswered(waiting)
        waiting = [str(call.get("id")) for call in message.get("tool_calls") or []]
    if waiting:
        yield unanswered(waiting)


def unanswered(names: Sequence[str]) -> str:
    """Return what is said of calls without a result."""
    return (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
        f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(names)}"
    )
