"""A response's request: its input items told apart, and what stands whatever is dropped."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from foveate.proxy.errors import FormatError
from foveate.proxy.formats.parsed import Outline
from foveate.proxy.formats.responses import kinds
from foveate.proxy.formats.wire.beginnings import AFRESH, Earlier
from foveate.proxy.formats.wire.reading import (
    TopLevel,
    decoded,
    named,
    read_top_level,
    standing_fields,
    token_limit,
    value,
)
from foveate.proxy.formats.wire.writing import json_of

STANDING = ("instructions", "tools", "text")
AT_THE_SERVER = ("previous_response_id", "conversation")
SHORT = 300  # bytes, more than any reference or trigger takes


class _Wire(msgspec.Struct):
    """What is read of a request's top level, its values still the caller's bytes; empty where it has
    none.
    """

    input: list[msgspec.Raw] | str | msgspec.UnsetType | None = msgspec.UNSET
    model: msgspec.Raw = msgspec.Raw()
    max_output_tokens: msgspec.Raw = msgspec.Raw()
    instructions: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    text: msgspec.Raw = msgspec.Raw()
    previous_response_id: msgspec.Raw = msgspec.Raw()
    conversation: msgspec.Raw = msgspec.Raw()
    prompt: msgspec.Raw = msgspec.Raw()
    context_management: msgspec.Raw = msgspec.Raw()


_TOP = TopLevel(msgspec.json.Decoder(_Wire), "input", "not a request for a response")


def responses_outline(body: bytes, earlier: Earlier = AFRESH) -> Outline:
    """Return a request with its items told apart; FormatError where it is none of the Responses API."""
    wire, items = read_top_level(body, _TOP, earlier)
    held = next((name for name in AT_THE_SERVER if value(getattr(wire, name))), "")
    if wire.input is msgspec.UNSET or wire.input is None:
        held = held or ("prompt" if isinstance(value(wire.prompt), dict) else "")
        if not held:
            raise FormatError("the body has no input")
    elif isinstance(wire.input, str):
        items = [json_of(wire.input)]
    return Outline(
        body,
        items=items,
        model=named(value(wire.model)),
        max_output=token_limit(value(wire.max_output_tokens)),
        standing=standing_fields(wire, STANDING),
        stays=held or referring(items),
        settled=bool(items) and type_of(items[-1]) == kinds.TRIGGER,
        edited=bool(value(wire.context_management)),
    )


def referring(items: Sequence[bytes]) -> str:
    """Return the type of an item that stands for one which the server holds, empty where there is none.

    A reference gives its type, leaves it out or has null there.
    """
    short = [raw for raw in items if len(raw) <= SHORT]
    suspects = [
        raw for raw in short if b"item_reference" in raw or b'"type"' not in raw or b"null" in raw
    ]
    return kinds.REFERENCE if any(type_of(raw) == kinds.REFERENCE for raw in suspects) else ""


def type_of(raw: bytes) -> str:
    """Return the type of a short item, empty for any other."""
    if len(raw) > SHORT or not raw.startswith(b"{"):
        return ""
    return kinds.kind(decoded(raw))
