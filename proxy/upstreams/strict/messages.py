"""What Anthropic refuses of a message (API reference, "Create a Message"; "Handle tool calls")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Block = Mapping[str, Any]
Turn = tuple[str, list[Block]]  # a role and its blocks: messages of one role in a row are one turn
ROLES = frozenset({"user", "assistant", "system"})
THOUGHTS = frozenset({"thinking", "redacted_thinking"})
MOST_MARKS = 4


def message_faults(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a request."""
    if not isinstance(body.get("max_tokens"), int):
        yield "max_tokens: Field required"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "messages: at least one message is required"
        return
    for n, message in enumerate(messages):
        yield from _alone(n, message, last=n == len(messages) - 1)
    turns = _merged(messages)
    thread = body.get("thread")
    if not (isinstance(thread, dict) and thread.get("type") == "continue"):
        if turns and turns[0][0] != "user":
            yield "messages.0: the first message must use the user role"
        yield from _tools(turns)
    yield from _marks(body, turns)


def _merged(messages: Sequence[Block]) -> list[Turn]:
    """Return the turns that messages make."""
    turns: list[Turn] = []
    for message in messages:
        role = str(message.get("role"))
        if role == "system":
            continue
        if not turns or turns[-1][0] != role:
            turns.append((role, []))
        turns[-1][1].extend(blocks_of(message))
    return turns


def blocks_of(message: Block) -> list[Block]:
    """Return a message's blocks."""
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content or [] if isinstance(block, dict)]


def _alone(n: int, message: Block, last: bool) -> Iterator[str]:
    role = message.get("role")
    if role not in ROLES:
        yield f'messages.{n}: unexpected role "{role}"; allowed are "user", "assistant" and "system"'
    blocks = blocks_of(message)
    prefill = last and role == "assistant"
    if not blocks and not prefill:
        yield f"messages.{n}: all messages must have non-empty content except for the optional final assistant message"
    for b, block in enumerate(blocks):
        if block.get("type") == "text" and not str(block.get("text", "")).strip() and not prefill:
            yield f"messages.{n}.content.{b}: text content blocks must contain non-whitespace text"
    if role == "assistant" and blocks and blocks[-1].get("type") in THOUGHTS:
        yield f"messages.{n}: the final block in an assistant message cannot be `thinking`"


def _tools(turns: Sequence[Turn]) -> Iterator[str]:
    """Yield what is wrong between uses and results: each use is answered at the next turn's head."""
    seen: set[str] = set()
    uses: list[str] = []
    for n, (role, blocks) in enumerate(turns):
        results = [str(b.get("tool_use_id")) for b in blocks if b.get("type") == "tool_result"]
        for name in results:
            if name not in uses:
                yield (
                    f"messages.{n}: `tool_result` block(s) without a corresponding `tool_use` block in the "
                    f"previous message: {name}"
                )
        missing = [name for name in uses if name not in results]
        if missing or (uses and not leads(blocks)):
            yield (
                f"messages.{n}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing or uses)}"
            )
        uses = [str(b.get("id")) for b in blocks if b.get("type") == "tool_use" and role == "assistant"]
        yield from [f"messages: `tool_use` ids must be unique: {name}" for name in uses if name in seen]
        seen.update(uses)
    if uses:
        yield (
            f"messages.{len(turns) - 1}: `tool_use` ids were found without `tool_result` blocks immediately "
            f"after: {', '.join(uses)}"
        )


def leads(blocks: Sequence[Block]) -> bool:
    """Say whether a turn's results come ahead of all else."""
    kinds = [block.get("type") == "tool_result" for block in blocks]
    return kinds == sorted(kinds, reverse=True)


def _marks(body: Mapping[str, Any], turns: Sequence[Turn]) -> Iterator[str]:
    """Yield what is wrong with the cache's marks."""
    system = body.get("system")
    ahead = [*(system if isinstance(system, list) else []), *(body.get("tools") or [])]
    said = [block for _, blocks in turns for block in blocks]
    marked = [b for b in (*ahead, *said) if isinstance(b, dict) and b.get("cache_control")]
    if len(marked) > MOST_MARKS:
        yield f"A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {len(marked)}."
    if any(block.get("type") in THOUGHTS for block in marked):
        yield "cache_control cannot be set on thinking blocks"
