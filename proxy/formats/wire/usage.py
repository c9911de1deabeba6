"""What an upstream says that a request took."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the upstream counts them."""

    prompt_tokens: int
    cached_tokens: int | None  # None where it does not say


# Of every API that tells: chat completions and embeddings, Messages and Responses
_ANSWER = re.compile(rb'"(?:completion|output)_tokens"\s*:\s*(\d{1,9})')
_PROMPT = re.compile(rb'"(?:prompt|input)_tokens"\s*:\s*(\d{1,9})')


def answer_tokens(tail: bytes) -> int:
    """Return the tokens of an answer, from its end; 0 where it does not say."""
    found = _ANSWER.findall(tail)
    return int(found[-1]) if found else 0


def told_tokens(tail: bytes) -> int:
    """Return the tokens of prompt and answer, from the end of an answer of whatever API; 0 where it does
    not say.
    """
    found = _PROMPT.findall(tail)
    return (int(found[-1]) if found else 0) + answer_tokens(tail)
