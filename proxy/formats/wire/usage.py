"""What an upstream says that a request took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the upstream counts them."""

    prompt_tokens: int
    cached_tokens: int | None  # None where it does not say
