"""What a chat completion's answer says that it took."""

from __future__ import annotations

import re

from foveate.proxy.formats.wire.usage import Usage

_PROMPT = re.compile(rb'"prompt_tokens"\s*:\s*(\d{1,9})')
_CACHED = re.compile(rb'"cached_tokens"\s*:\s*(\d{1,9})')


def chat_usage(tail: bytes, head: bytes = b"") -> Usage | None:
    """Return the usage that stands at an answer's end, streamed or not, or ahead of its words; None
    without one.
    """
    ahead, _, _ = head.partition(b'"choices"')
    return _usage(ahead) or _usage(tail)


def _usage(tail: bytes) -> Usage | None:
    found = _PROMPT.findall(tail)
    cached = _CACHED.findall(tail)
    return Usage(int(found[-1]), int(cached[-1]) if cached else None) if found else None
