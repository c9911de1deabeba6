"""A response's request: its input items told apart, and what stands whatever is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from foveate.proxy.errors import FormatError
from foveate.proxy.formats.fields import is_count, value
from foveate.proxy.formats.parsed import Outline
from foveate.proxy.formats.responses import kinds

STANDING = ("instructions", "tools", "text")
AT_THE_SERVER = ("previous_response_id", "conversation")
SHORT = 300  # bytes, more than any reference or trigger takes


class Wire(msgspec.Struct):
    """What is read of a request's top level, its values still the caller's bytes; empty where it has none."""

    input: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    model: msgspec.Raw = msgspec.Raw()
    max_output_tokens: msgspec.Raw = msgspec.Raw()
    instructions: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    text: msgspec.Raw = msgspec.Raw()
    previous_response_id: msgspec.Raw = msgspec.Raw()
    conversation: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(Wire).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def outline_of(body: bytes) -> Outline:
    """Return a request with its items told apart; FormatError where it is none of the Responses API."""
    try:
        wire = _decode(body)
        if wire.input is msgspec.UNSET:
            raise FormatError("the body has no input")
        items = input_items(bytes(wire.input))
        model, most = value(wire.model), value(wire.max_output_tokens)
        held = next((name for name in AT_THE_SERVER if value(getattr(wire, name))), "")
    except (msgspec.DecodeError, orjson.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"the body is not a request for a response: {error}") from None
    fields = [(name, bytes(getattr(wire, name))) for name in STANDING]
    return Outline(
        body,
        items=items,
        model=model if isinstance(model, str) else "",
        max_output=most if is_count(most) else None,
        standing=tuple([(name, raw) for name, raw in fields if raw]),
        stays=held or referring(items),
        settled=bool(items) and type_of(items[-1]) == kinds.TRIGGER,
    )


def input_items(raw: bytes) -> list[bytes]:
    """Return the items of an input; of a string itself, the one that it is."""
    raw = raw.strip()
    if raw.startswith(b'"'):
        return [raw]
    return [bytes(item) for item in _decode_list(raw)]


def referring(items: Sequence[bytes]) -> str:
    """Return the type of an item that stands for one which the server holds, empty where there is none."""
    found = any(type_of(raw) == kinds.REFERENCE for raw in items if b'"role"' not in raw[:SHORT])
    return kinds.REFERENCE if found else ""


def type_of(raw: bytes) -> str:
    """Return the type of a short item, empty for any other."""
    if len(raw) > SHORT or not raw.startswith(b"{"):
        return ""
    item: dict[str, Any] = orjson.loads(raw)
    return kinds.kind(item)
