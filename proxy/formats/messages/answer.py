"""What an answer says that it took."""

from __future__ import annotations

import re

from foveate.proxy.formats.wire.usage import Usage

_INPUT = re.compile(rb'"input_tokens"\s*:\s*(\d{1,9})')
_WRITTEN = re.compile(rb'"cache_creation_input_tokens"\s*:\s*(\d{1,9})')
_READ = re.compile(rb'"cache_read_input_tokens"\s*:\s*(\d{1,9})')


def messages_usage(head: bytes, tail: bytes) -> Usage | None:
    """Return the usage at a stream's head or a whole answer's end, None where neither is there.

    `input_tokens` leaves out what was read from the cache and what was written to it.
    """
    place = head if b"message_start" in head[:1000] else tail
    at = place.find(b'"usage"') if place is head else place.rfind(b'"usage"')
    told = place[at:] if at >= 0 else b""
    found = _INPUT.search(told)
    if found is None:
        return None
    written, read = _WRITTEN.search(told), _READ.search(told)
    cached = int(read[1]) if read else None
    return Usage(int(found[1]) + (int(written[1]) if written else 0) + (cached or 0), cached)
