"""Reads wire JSON as callers write it: within bounds, and where a strict parser refuses one of its
texts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
import orjson

from foveate.proxy.errors import FormatError

T = TypeVar("T")
MOST_ITEMS = 20_000  # of a request; each takes some kilobytes of memory, however few bytes of the body
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
LARGE = 64 * 1024  # bytes, from where on orjson's own speed is bought with twelve times the memory
NOT_JSON = (orjson.JSONDecodeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode_any = msgspec.json.Decoder(Any).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def decoded(raw: bytes) -> Any:
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


def _loaded(content: bytes | str) -> Any:
    return orjson.loads(content) if len(content) < LARGE else _decode_any(content)


def _number(digits: str) -> float | str:
    found = float(digits)
    return found if math.isfinite(found) else digits


def part_kind(part: Any) -> str:
    """Return what a part calls itself, empty where it is no object or its type is no text."""
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if isinstance(kind, str) else ""


def mended(raw: bytes) -> bytes:
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


def read_top_level(
    body: bytes, decoder: msgspec.json.Decoder[T], field: str, kind: str
) -> tuple[T, bytes]:
    """Return a request's top level, and the body that was read; FormatError, "the body is `kind`", where
    it is none, or has too many elements in `field`.
    """
    try:
        check_items(body, field)
        return read_object(body, decoder)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"the body is {kind}: {error}") from None


def fields_of(raw: bytes, aside: Container[str] = ()) -> dict[str, bytes]:
    """Return an object's fields in the caller's own bytes; those `aside` are empty, since they are much to
    copy.
    """
    try:
        found = _decode_object(raw)
    except msgspec.DecodeError:
        readable = mended(raw)
        found = _decode_object(readable)
        values = own([bytes(value) for value in found.values()], readable, raw)
        return dict(zip(found, values, strict=True))
    return {name: b"" if name in aside else bytes(value) for name, value in found.items()}


def elements_of(raw: bytes) -> list[bytes]:
    """Return an array's elements in the caller's own bytes."""
    try:
        return [bytes(value) for value in _decode_list(raw)]
    except msgspec.DecodeError:
        readable = mended(raw)
        return own([bytes(value) for value in _decode_list(readable)], readable, raw)


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
    if len(body) <= MOST_ITEMS or _commas(body) <= MOST_ITEMS:
        return
    try:
        _counting(field).decode(body)
    except msgspec.ValidationError as error:
        if f"[{MOST_ITEMS}]" in str(error):
            raise FormatError(f"the body has more than {MOST_ITEMS} {field}") from None


def _commas(body: bytes) -> int:
    """Return how many commas a body has, which is six times as fast as its own `count`."""
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord(",")))


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
