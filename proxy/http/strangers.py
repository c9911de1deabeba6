"""Recognises an upstream that says that reasoning does not belong to the conversation it came with."""

from __future__ import annotations

import re
from http import HTTPStatus

from foveate.proxy.http.refusals import MAX_BYTES

# Anthropic's prefix check, which gateways pass on; OpenAI's Responses for what it cannot read or finds
# out of place.
_STRANGER = re.compile(
    r"the block is bound to a different conversation"
    r"|invalid `signature` in `(?:redacted_)?thinking` block"
    r"|`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified"
    r"|\binvalid_encrypted_content\b"
    r"|of type 'reasoning' was provided without its required following item"
    r"|was provided without its required 'reasoning' item",
    re.IGNORECASE,
)


def refuses_reasoning(status: int, content: bytes) -> bool:
    """Say whether an answer refuses a request for the reasoning in it."""
    if status != HTTPStatus.BAD_REQUEST or len(content) > MAX_BYTES:
        return False
    return _STRANGER.search(content.decode("utf-8", "replace")) is not None
