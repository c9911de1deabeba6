"""A chat completion's top level: its messages told apart, and what stands whatever is dropped."""

from __future__ import annotations

import msgspec

from foveate.proxy.errors import FormatError
from foveate.proxy.formats.parsed import Outline
from foveate.proxy.formats.wire.reading import check_items, is_count, named, own, read_object, value

STANDING = ("tools", "functions", "response_format")  # `functions` is the older name of `tools`


class _Wire(msgspec.Struct):
    """What is read of a request's top level, its values still the caller's bytes; empty where it has
    none.
    """

    messages: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    model: msgspec.Raw = msgspec.Raw()
    max_completion_tokens: msgspec.Raw = msgspec.Raw()
    max_tokens: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    functions: msgspec.Raw = msgspec.Raw()
    response_format: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(_Wire)


def chat_outline(body: bytes) -> Outline:
    """Return a request with its messages told apart; FormatError where it is no chat completion."""
    try:
        check_items(body, "messages")
        wire, readable = read_object(body, _decoder)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"the body is not a chat completion: {error}") from None
    if wire.messages is msgspec.UNSET:
        raise FormatError("the body has no messages")
    limits = value(wire.max_completion_tokens), value(wire.max_tokens)
    fields = [(name, bytes(getattr(wire, name))) for name in STANDING]
    return Outline(
        body,
        items=own([bytes(raw) for raw in wire.messages], readable, body),
        model=named(value(wire.model)),
        max_output=next((limit for limit in limits if is_count(limit)), None),
        turns=True,
        standing=tuple([(name, raw) for name, raw in fields if raw]),
    )
