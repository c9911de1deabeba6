"""Tokens of tool definitions and of their schemas."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.tools import schema_tokens
from support.conversations import body
from support.deciding import read


@pytest.mark.parametrize(
    "schema",
    [
        None,
        1,
        [],
        {},
        {"properties": []},
        {"properties": {"a": None}},
        {"enum": 1},
        {"items": 3, "anyOf": {}, "$defs": []},
        {"properties": {"a": {"type": ["string", "null"], "enum": [None, 1, "x"]}}},
    ],
)
def test_any_schema_can_be_counted(schema: Any) -> None:
    assert (
        read(
            body([], tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}])
        ).tokens
        > 0
    )


def test_nested_schemas_count_in_full() -> None:
    inner = {"type": "object", "properties": {"b": {"type": "string", "description": "words " * 30}}}
    for schema in (
        {"properties": {"a": inner}},
        {"items": inner},
        {"anyOf": [inner]},
        {"$defs": {"x": inner}},
    ):
        assert schema_tokens(schema, TokenCounter("o200k_base")) > 30
