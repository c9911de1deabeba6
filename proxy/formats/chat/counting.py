"""Tokens of a chat completion's messages and of what stands beside them."""

from __future__ import annotations

from typing import Any

from foveate.proxy.formats.chat.reasoning import is_thought, thinks, thought_tokens
from foveate.proxy.formats.tokens import AUDIO, FILE, IMAGE, IMAGE_LOW, TokenCounter
from foveate.proxy.formats.tools import tools_tokens

# As in OpenAI's cookbook, "How to count tokens with tiktoken": the frame of a message, a name, the answer's opening.
PER_MESSAGE = 3
PER_NAME = 1
PRIMING = 3
_CALLED = ("tool_calls", "function_call")


def message_tokens(message: dict[str, Any], counter: TokenCounter) -> int:
    """Return the tokens that one message adds to a prompt."""
    count = PER_MESSAGE + counter.text(str(message.get("role", "")))
    for key, value in message.items():
        if key == "content":
            count += content_tokens(value, counter)
        elif key == "name" and isinstance(value, str):
            count += PER_NAME + counter.text(value)
        elif key in _CALLED and value:
            count += counter.json(value)
        elif key == "refusal" and isinstance(value, str):
            count += counter.text(value)
    return count + thought_tokens(message, counter) if thinks(message) else count


def content_tokens(content: Any, counter: TokenCounter) -> int:
    """Return the tokens of a message's content: a string, or a list of parts."""
    if content is None:
        return 0
    if isinstance(content, str):
        return counter.text(content)
    if isinstance(content, list):
        return sum(part_tokens(part, counter) for part in content if not is_thought(part))
    return counter.json(content)


def part_tokens(part: Any, counter: TokenCounter) -> int:
    """Return the tokens of one content part; those of what is no text are stated estimates."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "image_url":
        image = part.get("image_url")
        return IMAGE_LOW if isinstance(image, dict) and image.get("detail") == "low" else IMAGE
    if kind == "input_audio":
        return AUDIO
    if kind == "file":
        return FILE
    text = part.get("text", part.get("refusal")) if isinstance(part, dict) else None
    return counter.text(text) if isinstance(text, str) else counter.json(part)


def standing_tokens(name: str, value: Any, counter: TokenCounter) -> int:
    """Return the tokens of `tools`, the older `functions`, or a `response_format` with its schema."""
    if name != "response_format":
        return tools_tokens(value, counter)
    schema = value.get("json_schema") if isinstance(value, dict) else None
    return counter.json(schema) if schema else 0
