"""Reasoning in an assistant's message: blocks that a signature or encrypted data ties to the prompt
before them.
"""

from __future__ import annotations

from typing import Any

from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.reading import part_kind

THOUGHTS = frozenset({"thinking", "redacted_thinking"})
SEALED_CHARACTERS = 6  # of encrypted text that stand for a token, about: base64 of it and a frame


def is_thinking(part: dict[str, Any]) -> bool:
    """Say whether a part is reasoning."""
    return part_kind(part) in THOUGHTS


def is_signed(part: dict[str, Any]) -> bool:
    """Say whether reasoning is signed or encrypted, which that of compatible servers need not be."""
    return bool(part.get("signature") or part.get("data"))


def thinking_tokens(part: dict[str, Any], counter: TokenCounter) -> int:
    """Return the tokens of a part's reasoning, 1 at the least; what is not shown is guessed from its
    seal.
    """
    text = part.get("thinking")
    if isinstance(text, str) and text:
        return max(1, counter.text(text))
    seal = part.get("data") or part.get("signature")
    return max(1, len(seal) // SEALED_CHARACTERS) if isinstance(seal, str) else 1
