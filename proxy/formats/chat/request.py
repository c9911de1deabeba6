"""A chat completion's top level: its messages told apart, and what stands whatever is dropped."""

from __future__ import annotations

import msgspec

from foveate.proxy.errors import FormatError
from foveate.proxy.formats.parsed import Outline
from foveate.proxy.formats.wire.beginnings import AFRESH, Earlier
from foveate.proxy.formats.wire.reading import (
    TopLevel,
    named,
    read_top_level,
    standing_fields,
    token_limit,
    value,
)

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


_TOP = TopLevel(msgspec.json.Decoder(_Wire), "messages", "not a chat completion")


def chat_outline(body: bytes, earlier: Earlier = AFRESH) -> Outline:
    """Return a request with its messages told apart; FormatError where it is no chat completion."""
    wire, items = read_top_level(body, _TOP, earlier)
    if wire.messages is msgspec.UNSET:
        raise FormatError("the body has no messages")
    return Outline(
        body,
        items=items,
        model=named(value(wire.model)),
        max_output=token_limit(value(wire.max_completion_tokens), value(wire.max_tokens)),
        turns=True,
        standing=standing_fields(wire, STANDING),
    )
