"""Reads wire JSON as callers write it: within bounds, and where a strict parser refuses one of its
texts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec
import numpy as np
import orjson

from foveate.proxy.errors import FormatError
from foveate.proxy.formats.wire.beginnings import AFRESH, LONG, STAND_IN, Earlier, beginning

T = TypeVar("T")
Json = bytes | memoryview  # as the caller wrote it, or where it stands in what the caller wrote
MOST_ITEMS = 20_000  # of a request; each takes some kilobytes of memory, however few bytes of the body
MOST_PARTS = 200_000  # objects and arrays of an item; each takes some hundred bytes of memory
SHORT = 1000  # bytes of a field that is read of an item with more of them
NAME_CHARACTERS = 256  # of a model's name: longer ones are kept for every outcome, and none is real
_LOW = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HIGH = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
# Escapes from left to right: a run of surrogates that stand alone, a pair of them, a run of any others.
_ESCAPES = re.compile(
    rb"((?:%b(?!%b)|%b){1,64})|%b%b|(?:\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|\\[^u]){1,64}|\\u"
    % (_HIGH, _LOW, _LOW, _HIGH, _LOW),
    re.DOTALL,
)
REPLACED = b"\\ufffd"
# Where JSON opens an object or an array, with all that stands ahead of it: texts are passed over.
_OPENING = re.compile(rb'(?:[^"{\[]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+(?:[{\[]|\Z)', re.DOTALL)
LARGE = 64 * 1024  # bytes, from where on orjson's own speed is bought with twelve times the memory
NOT_JSON = (orjson.JSONDecodeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode_any = msgspec.json.Decoder(Any).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def decoded(raw: Json) -> Any:
    """Return what JSON says; text that no Unicode is becomes U+FFFD. FormatError where it is no JSON."""
    try:
        return _loaded(raw)
    except NOT_JSON:
        pass
    readable = mended(raw).decode("utf-8", "replace")
    try:
        return _loaded(readable)
    except NOT_JSON:
        pass
    try:  # a number beyond all that computers count with is read as the text that it is
        return json.loads(readable, parse_int=_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"an item is not JSON: {error}") from None


def _loaded(content: Json | str) -> Any:
    return orjson.loads(content) if len(content) < LARGE else _decode_any(content)


def _number(digits: str) -> float | str:
    found = float(digits)
    return found if math.isfinite(found) else digits


def part_kind(part: Any) -> str:
    """Return what a part calls itself, empty where it is no object or its type is no text."""
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if isinstance(kind, str) else ""


def mended(raw: Json) -> bytes:
    """Return JSON of the same length, byte by byte in the same place, with U+FFFD for surrogates that
    stand alone.
    """
    found = bytearray(raw)
    for escape in _ESCAPES.finditer(raw):
        start, end = escape.span(1)
        if start >= 0:
            found[start:end] = REPLACED * ((end - start) // len(REPLACED))
    return bytes(found)


def read_object(body: bytes, decoder: msgspec.json.Decoder[T]) -> tuple[T, bytes]:
    """Return what `decoder` makes of a body, and the body that it read: mended where it refused the
    caller's.
    """
    try:
        return decoder.decode(body), body
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        readable = mended(body)
        if readable == body:
            raise
        return decoder.decode(readable), readable


class TopLevel(NamedTuple):
    """How a format's requests are read."""

    decoder: msgspec.json.Decoder[Any]
    field: str  # that has the items
    kind: str  # what a body is that cannot be read: "no Messages request"


def read_top_level(body: bytes, top: TopLevel, earlier: Earlier = AFRESH) -> tuple[Any, list[bytes]]:
    """Return a request's top level, and its items in the caller's own bytes, none where they are no
    array; FormatError where it cannot be read, or has too many of them.
    """
    found = _from_beginning(body, top, earlier)
    if found is not None:
        return found
    try:
        check_items(body, top.field)
        wire, readable = read_object(body, top.decoder)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"the body is {top.kind}: {error}") from None
    raws = getattr(wire, top.field)
    if not isinstance(raws, list):
        return wire, []
    items = own([bytes(raw) for raw in raws], readable, body)
    if readable is body and len(body) >= LONG and earlier is not AFRESH:
        begun = beginning(body, items)
        if len(begun.items) > 1 and _stands_in(top, begun.head + STAND_IN + body[begun.end :]):
            earlier.keep(body, begun)
    return wire, items


def _from_beginning(body: bytes, top: TopLevel, earlier: Earlier) -> tuple[Any, list[bytes]] | None:
    """Return the same with the items of an earlier body, where it begins as that did; None where it
    has to be read as a whole.
    """
    short = earlier.shortened(body)
    wire = short and _stands_in(top, short.body)
    if not short or not wire:
        return None
    rest = [bytes(raw) for raw in getattr(wire, top.field)[1:]]
    known = short.known
    if len(known.items) + len(rest) > MOST_ITEMS:
        return None
    earlier.keep(body, known.followed(body, rest), short.earlier)
    return wire, known.items + rest


def _stands_in(top: TopLevel, short: bytes) -> Any:
    """Return the top level of a body whose first item is STAND_IN, None where it is not."""
    try:
        check_items(short, top.field)
        wire = top.decoder.decode(short)
    except (msgspec.DecodeError, RecursionError, FormatError):
        return None
    raws = getattr(wire, top.field)
    return wire if isinstance(raws, list) and raws and bytes(raws[0]) == STAND_IN else None


def fields_of(raw: Json) -> dict[str, memoryview]:
    """Return an object's fields in the caller's own bytes, none of which is copied."""
    try:
        return {name: memoryview(value) for name, value in _decode_object(raw).items()}
    except msgspec.DecodeError:
        readable = mended(raw)
        found = _decode_object(readable)
        values = own([bytes(value) for value in found.values()], readable, bytes(raw))
        return {name: memoryview(value) for name, value in zip(found, values, strict=True)}


def elements_of(raw: Json) -> list[bytes]:
    """Return an array's elements in the caller's own bytes."""
    try:
        return [bytes(value) for value in _decode_list(raw)]
    except msgspec.DecodeError:
        readable = mended(raw)
        return own([bytes(value) for value in _decode_list(readable)], readable, bytes(raw))


def own(values: list[bytes], readable: bytes, body: bytes) -> list[bytes]:
    """Return stretches of a mended body, in their order there, as the caller wrote them."""
    if readable is body:
        return values
    found = []
    end = 0
    for value in values:
        start = readable.find(value, end)
        end = start + len(value)
        found.append(body[start:end])
    return found


def check_items(body: bytes, field: str) -> None:
    """Raise FormatError where the array in `field` has more than MOST_ITEMS elements; none of them is
    built.
    """
    if len(body) <= MOST_ITEMS or _count(body, b",") <= MOST_ITEMS:
        return
    try:
        _counting(field).decode(body)
    except msgspec.ValidationError as error:
        if f"[{MOST_ITEMS}]" in str(error):
            raise FormatError(f"the body has more than {MOST_ITEMS} {field}") from None


def is_crowded(raw: bytes) -> bool:
    """Say whether an item has more than MOST_PARTS; those that its texts tell of are none."""
    if len(raw) <= 2 * MOST_PARTS or _count(raw, b"{") + _count(raw, b"[") <= MOST_PARTS:
        return False
    return sum(1 for _ in islice(_OPENING.finditer(raw), MOST_PARTS + 1)) > MOST_PARTS


def short_fields(raw: bytes) -> dict[str, Any]:
    """Return an object's fields less the long ones, empty where it is no object."""
    try:
        found = fields_of(raw)
    except msgspec.DecodeError:
        return {}
    return {name: decoded(bytes(value)) for name, value in found.items() if len(value) < SHORT}


def _count(body: bytes, character: bytes) -> int:
    """Return how often a body has a character, which is six times as fast as its own `count`."""
    read = np.frombuffer(body, np.uint8)
    slices = [read[start : start + LARGE] for start in range(0, len(body), LARGE)]
    return sum([int(np.count_nonzero(some == ord(character))) for some in slices])


@lru_cache(maxsize=4)
def _counting(field: str) -> msgspec.json.Decoder[msgspec.Struct]:
    """Return a decoder that refuses element MOST_ITEMS for what it is, and a shorter array for its
    length.
    """
    array: Any = tuple[(*[msgspec.Raw] * MOST_ITEMS, Literal["no more"])]  # type: ignore[misc]
    return msgspec.json.Decoder(msgspec.defstruct("Counting", [(field, array)]))


def named(value: object) -> str:
    """Return a name as it is kept; empty where it is no text."""
    return value[:NAME_CHARACTERS] if isinstance(value, str) else ""


def value(raw: msgspec.Raw) -> Any:
    """Return what a field says, None where there is none."""
    content = bytes(raw)
    return decoded(content) if content else None


def standing_fields(wire: msgspec.Struct, names: Sequence[str]) -> tuple[tuple[str, bytes], ...]:
    """Return those of the named fields that a request has, in the caller's own bytes."""
    fields = [(name, bytes(getattr(wire, name))) for name in names]
    return tuple([(name, raw) for name, raw in fields if raw])


def token_limit(*limits: Any) -> int | None:
    """Return the first limit that is a number of tokens, None where none is."""
    return next((limit for limit in limits if _is_count(limit)), None)


def _is_count(limit: Any) -> bool:
    """Say whether a limit is a number of tokens."""
    return isinstance(limit, int) and not isinstance(limit, bool) and limit > 0
