"""What a response says that it took."""

from __future__ import annotations

import re

from foveate.proxy.formats.wire.usage import Usage

_PROMPT = re.compile(rb'"input_tokens"\s*:\s*(\d{1,9})')
_CACHED = re.compile(rb'"cached_tokens"\s*:\s*(\d{1,9})')


def responses_usage(tail: bytes) -> Usage | None:
    """Return the usage at the end of an answer, streamed (`response.completed`) or not; None where none
    stands.
    """
    found = _PROMPT.findall(tail)
    cached = _CACHED.findall(tail)
    return Usage(int(found[-1]), int(cached[-1]) if cached else None) if found else None
