"""Tokens of a response's input items and of what stands beside them."""

from __future__ import annotations

from typing import Any

from foveate.policies.types import MARKS
from foveate.proxy.formats.responses import kinds
from foveate.proxy.formats.tokens import AUDIO, FILE, IMAGE, IMAGE_LOW, TokenCounter
from foveate.proxy.formats.wire.reading import part_kind
from foveate.proxy.formats.wire.tools import call_tokens, tools_tokens

# As in OpenAI's cookbook, "How to count tokens with tiktoken": the frame of a message, the answer's
# opening.
PER_ITEM = 3
PER_ROLE = 1  # of an item that says by its type whose it is
PRIMING = 3
# Encrypted reasoning: base64 of a fixed part and of the text, about four bytes a token, as Codex CLI
# estimates it.
SEAL, BYTES_PER_TOKEN = 650, 4
IMAGES = frozenset({"input_image", "computer_screenshot", "image"})
MEDIA = IMAGES | {"input_file", "input_audio"}
# Fields that the model is not shown, or that are counted by themselves.
UNSAID = frozenset(
    {"id", "type", "status", "call_id", "encrypted_content", "fingerprint", "role", "caller", *MARKS}
)


def item_tokens(item: dict[str, Any], counter: TokenCounter) -> int:
    """Return the tokens that one input item adds to a prompt."""
    kind = kinds.kind(item)
    if kind == "reasoning":
        return _thought_tokens(item, counter)
    if kind == "message":
        said = counter.text(str(item.get("role", ""))) + _content_tokens(item.get("content"), counter)
    elif kind in kinds.OUTPUTS:
        said = PER_ROLE + _content_tokens(item.get("output", item.get("result")), counter)
    elif kind in kinds.PLAIN_CALLS:
        key, name = item.get("call_id"), item.get("name")
        said = PER_ROLE + call_tokens(key, name, kinds.given(item), counter)
    elif kind == "image_generation_call":
        said = IMAGE
    else:
        said = _fields_tokens(item, counter) + sealed_tokens(item)
    return PER_ITEM + said


def _thought_tokens(item: dict[str, Any], counter: TokenCounter) -> int:
    """Return the tokens of a reasoning item: of its text, or of what is encrypted of it where that is
    more.
    """
    parts = [*_listed(item.get("summary")), *_listed(item.get("content"))]
    plain = sum([_part_tokens(part, counter) for part in parts])
    return max(plain, sealed_tokens(item), 1)


def sealed_tokens(item: dict[str, Any]) -> int:
    """Return about how many tokens stand encrypted in an item."""
    sealed = item.get("encrypted_content")
    return max(0, len(sealed) * 3 // 4 - SEAL) // BYTES_PER_TOKEN if isinstance(sealed, str) else 0


def _content_tokens(content: Any, counter: TokenCounter) -> int:
    """Return the tokens of a message's content or of a call's output: a string, or a list of parts."""
    if content is None:
        return 0
    if isinstance(content, str):
        return counter.text(content)
    if isinstance(content, list):
        return sum([_part_tokens(part, counter) for part in content])
    return _part_tokens(content, counter)


def _part_tokens(part: Any, counter: TokenCounter) -> int:
    """Return the tokens of one part; those of what is no text are stated estimates."""
    if not isinstance(part, dict):
        return counter.json(part)
    kind = part_kind(part)
    if kind in IMAGES:
        return IMAGE_LOW if part.get("detail") == "low" else IMAGE
    if kind == "input_file":
        return FILE
    if kind == "input_audio":
        return AUDIO
    text = part.get("text", part.get("refusal"))
    return counter.text(text) if isinstance(text, str) else counter.json(part)


def item_is_guessed(item: dict[str, Any]) -> bool:
    """Say whether an item holds a picture, a recording or a file, whose tokens are estimates."""
    content = item.get("content") or item.get("output")
    parts = content if isinstance(content, list) else [content]
    media = any(part_kind(part) in MEDIA for part in parts)
    return media or kinds.kind(item) == "image_generation_call"


def responses_field_tokens(name: str, value: Any, counter: TokenCounter) -> int:
    """Return the tokens of `instructions`, `tools`, or the format that `text` asks for."""
    if name == "instructions":
        return PER_ITEM + 1 + _content_tokens(value, counter) if value else 0
    if name == "tools":
        return tools_tokens(value, counter)
    schema = value.get("format") if isinstance(value, dict) else None
    return (
        counter.json(schema.get("schema")) if isinstance(schema, dict) and schema.get("schema") else 0
    )


def _fields_tokens(item: dict[str, Any], counter: TokenCounter) -> int:
    count = 0
    for name, value in item.items():
        if name in UNSAID or value is None:
            continue
        if name == "tools":
            count += tools_tokens(value, counter)
        else:
            count += counter.text(value) if isinstance(value, str) else counter.json(value)
    return count


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
