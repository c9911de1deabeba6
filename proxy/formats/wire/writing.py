"""Writes wire JSON with the caller's own bytes for whatever is not changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from foveate.proxy.formats.wire.reading import Json, fields_of

LONG = 64 * 1024  # characters


def changed(raw: Json, **fields: Json) -> bytes:
    """Return an object with those fields, each as JSON, in place of its own."""
    return obj({**fields_of(raw), **fields})


def obj(fields: Mapping[str, Json]) -> bytes:
    """Return an object of fields that are JSON already."""
    return b"{" + b",".join([json_of(name) + b":" + value for name, value in fields.items()]) + b"}"


def array(elements: Iterable[bytes]) -> bytes:
    """Return an array of elements that are JSON already."""
    return b"[" + b",".join(elements) + b"]"


def text_part(text: str) -> bytes:
    """Return a content block that says `text`."""
    return json_of({"type": "text", "text": text})


def json_of(value: Any) -> bytes:
    """Return a value as JSON, in memory of its own size: orjson takes eight times a text's to write it."""
    return msgspec.json.encode(value)


def sorted_json(value: Any) -> bytes:
    """Return a value as JSON that is the same whatever the order of its fields, with hashes in place of its
    own long texts.
    """
    if isinstance(value, dict) and any(isinstance(v, str) and len(v) > LONG for v in value.values()):
        value = {n: _hashed(v) if isinstance(v, str) and len(v) > LONG else v for n, v in value.items()}
    return msgspec.json.encode(value, order="sorted")


def _hashed(text: str) -> list[str]:
    """Return what stands for a text: a list of a hash, as no text is."""
    made = blake2b(digest_size=16)
    for start in range(0, len(text), LONG):
        made.update(text[start : start + LONG].encode())
    return [made.hexdigest()]
