"""Recognises an upstream that says a prompt is too long, and reads the numbers it gives."""

from __future__ import annotations

import re
from dataclasses import dataclass

STATUSES = frozenset({400, 413, 422})
MAX_BYTES = 8 * 1024  # a longer answer is about something else, and may quote a prompt that tells of such errors

_NUMBER = r"([\d][\d,_]*)"
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|context.{0,20}(?:length|window|size|limit)|prompt is too long"
    r"|input is too long|(?:prompt|input).{0,60}(?:exceeds?|too (?:long|large|many)).{0,60}(?:token|context|maximum)"
    r"|(?:prompt|input).{0,60}longer than the.{0,20}(?:model|context)"
    r"|`inputs` (?:tokens \+ `max_new_tokens` must be|must have less)|maximum prompt length|exceeded model token limit"
    r"|maximum.{0,30}tokens? allowed|too many (?:input )?tokens|reduce the length of the (?:messages|prompt|input)",
    re.IGNORECASE | re.DOTALL,
)
# The window, as OpenAI, Azure and vLLM; llama.cpp; Anthropic; Gemini; Mistral; TGI and LM Studio put it.
_WINDOW = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"maximum context length (?:is|of) {_NUMBER}",
        rf'"?n_ctx"?\s*[:=]\s*{_NUMBER}',
        rf"tokens > {_NUMBER} maximum",
        rf"context limit: [\d,]+ \+ [\d,]+ > {_NUMBER}",
        rf"tokens allowed \(?{_NUMBER}",
        rf"with {_NUMBER} maximum context",
        rf"must be <= {_NUMBER}",
        rf"context (?:length|window|size) (?:of|is) (?:only )?\(?{_NUMBER}",
        rf"context (?:length|window|size) \({_NUMBER}",
        rf"maximum model length of {_NUMBER}",
        rf"configured limit of {_NUMBER}",
        rf"must have less than {_NUMBER} tokens",
        rf"maximum prompt length is {_NUMBER}",
        rf"model token limit: {_NUMBER}",
    )
]
# The prompt as it was counted there.
_PROMPT = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"messages resulted in {_NUMBER} tokens",
        rf"\({_NUMBER} in the messages",
        rf"request has {_NUMBER} input tokens",
        rf'"?n_prompt_tokens"?\s*[:=]\s*{_NUMBER}',
        rf"prompt is too long: {_NUMBER} tokens",
        rf"context limit: {_NUMBER} \+",
        rf"input token count \(?{_NUMBER}",
        rf"prompt contains {_NUMBER} tokens",
        rf"given: {_NUMBER}",
        rf"\({_NUMBER} of text input",
        rf"input \({_NUMBER} tokens\)",
        rf"keep the first {_NUMBER} tokens",
        rf"prompt \(length {_NUMBER}\)",
        rf"request contains {_NUMBER} tokens",
        rf"requested: {_NUMBER}\)",
    )
]


@dataclass(frozen=True, slots=True)
class TooLong:
    """An upstream's refusal of a prompt; None for a number that it does not give."""

    window: int | None
    prompt: int | None


def read_refusal(status: int, content: bytes) -> TooLong | None:
    """Return what an error answer says about the prompt's length, None where it is about something else."""
    if status not in STATUSES or len(content) > MAX_BYTES:
        return None
    text = content.decode("utf-8", "replace")
    return TooLong(_first(_WINDOW, text), _first(_PROMPT, text)) if _TOO_LONG.search(text) else None


def _first(patterns: list[re.Pattern[str]], text: str) -> int | None:
    """Return the number that the first matching pattern finds."""
    for pattern in patterns:
        if match := pattern.search(text):
            return int(match[1].replace(",", "").replace("_", ""))
    return None
