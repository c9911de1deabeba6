"""Reasoning in a chat completion's messages, in the fields of the gateways and servers that carry it.

LiteLLM: `thinking_blocks`; OpenRouter: `reasoning_details`, with the same as text in `reasoning`;
DeepSeek, vLLM and others: `reasoning_content`; content parts of Anthropic's types. A signature or
encrypted data ties it to its prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.reading import part_kind

TEXTS = ("reasoning_content", "reasoning")
LISTS = ("thinking_blocks", "reasoning_details")
FIELDS = frozenset(TEXTS + LISTS)
PARTS = frozenset({"thinking", "redacted_thinking"})
SEALS = ("signature", "data")
# Of encrypted reasoning that stand for a token, about: base64 of its text and a frame
SEALED_CHARACTERS = 6


def thinks(message: dict[str, Any]) -> bool:
    """Say whether a message carries reasoning."""
    return not FIELDS.isdisjoint(message) or any(True for _ in _parts(message))


def thought_tokens(message: dict[str, Any], counter: TokenCounter) -> int:
    """Return the tokens of a message's reasoning: what stands there as text and as blocks is one and
    the same.
    """
    texts = [message[name] for name in TEXTS if isinstance(message.get(name), str)]
    plain = max([counter.text(text) for text in texts], default=0)
    blocks = sum([_block_tokens(block, counter) for block in _blocks(message)])
    return max(plain, blocks) + sum([_block_tokens(part, counter) for part in _parts(message)])


def is_bound(message: dict[str, Any]) -> bool:
    """Say whether a message's reasoning is signed or encrypted."""
    sealed = [*_blocks(message), *_parts(message)]
    return any(isinstance(block.get(name), str) and block[name] for block in sealed for name in SEALS)


def _blocks(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in LISTS:
        found = message.get(name)
        if isinstance(found, list):
            yield from (block for block in found if isinstance(block, dict))


def _parts(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, list):
        yield from (part for part in content if is_thought(part))


def is_thought(part: Any) -> bool:
    """Say whether a content part is reasoning."""
    return part_kind(part) in PARTS


def _block_tokens(block: dict[str, Any], counter: TokenCounter) -> int:
    """Return the tokens of a block, 1 at the least: what weighs nothing could not be taken out."""
    told = [block[name] for name in ("thinking", "text", "summary") if block.get(name)]
    if told:  # Mistral's is a list of parts
        return max(
            1,
            sum([counter.text(each) if isinstance(each, str) else counter.json(each) for each in told]),
        )
    sealed = block.get("data") or block.get("signature")
    return max(1, len(sealed) // SEALED_CHARACTERS) if isinstance(sealed, str) else 1
