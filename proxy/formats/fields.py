"""Fields of a request's top level, which come as the caller's bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson


def value(raw: msgspec.Raw) -> Any:
    """Return what a field says, None where there is none."""
    content = bytes(raw)
    return orjson.loads(content) if content else None


def is_count(limit: Any) -> bool:
    """Say whether a limit is a number of tokens."""
    return isinstance(limit, int) and not isinstance(limit, bool) and limit > 0
