"""A chat completion's top level: its messages told apart, and what stands whatever is dropped."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from foveate.proxy.errors import FormatError
from foveate.proxy.formats.parsed import Outline

STANDING = ("tools", "functions", "response_format")  # `functions` is the older name of `tools`


class Wire(msgspec.Struct):
    """What is read of a request's top level, its values still the caller's bytes; empty where it has none."""

    messages: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    model: msgspec.Raw = msgspec.Raw()
    max_completion_tokens: msgspec.Raw = msgspec.Raw()
    max_tokens: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    functions: msgspec.Raw = msgspec.Raw()
    response_format: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(Wire).decode


def outline_of(body: bytes) -> Outline:
    """Return a request with its messages told apart; FormatError where it is no chat completion."""
    try:
        wire = _decode(body)
        model = value(wire.model)
        limits = value(wire.max_completion_tokens), value(wire.max_tokens)
    except (msgspec.DecodeError, orjson.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"the body is not a chat completion: {error}") from None
    if wire.messages is msgspec.UNSET:
        raise FormatError("the body has no messages")
    fields = [(name, bytes(getattr(wire, name))) for name in STANDING]
    return Outline(
        body,
        items=[bytes(raw) for raw in wire.messages],
        model=model if isinstance(model, str) else "",
        max_output=next((limit for limit in limits if is_count(limit)), None),
        standing=tuple([(name, raw) for name, raw in fields if raw]),
    )


def value(raw: msgspec.Raw) -> Any:
    """Return what a field says, None where there is none."""
    content = bytes(raw)
    return orjson.loads(content) if content else None


def is_count(limit: Any) -> bool:
    """Say whether a limit is a number of tokens."""
    return isinstance(limit, int) and not isinstance(limit, bool) and limit > 0
