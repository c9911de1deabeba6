"""Tokens of tool definitions and JSON schemas, which every wire renders alike."""

from __future__ import annotations

from typing import Any

from foveate.proxy.formats.tokens import TokenCounter

# As in OpenAI's cookbook, "How to count tokens with tiktoken": the TypeScript-like text that tools are
# rendered to.
TOOL_INIT, TOOL_INIT_CL100K, TOOL_END = 7, 10, 12
PROPERTIES_INIT, PROPERTY_KEY, ENUM_INIT, ENUM_ITEM = 3, 3, -3, 3


def call_tokens(key: Any, name: Any, given: str, counter: TokenCounter) -> int:
    """Return the tokens of one call of a function with what it is given, on whatever wire it comes: as
    the JSON that a chat completion has it in.
    """
    function = {"name": name, "arguments": given}
    return counter.json([{"id": key, "type": "function", "function": function}])


def tools_tokens(tools: Any, counter: TokenCounter) -> int:
    """Return the tokens of a request's tools; 0 where they are no list."""
    if not isinstance(tools, list) or not tools:
        return 0
    return TOOL_END + sum(tool_tokens(tool, counter) for tool in tools)


def tool_tokens(tool: Any, counter: TokenCounter) -> int:
    """Return the tokens of one tool's definition."""
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return counter.json(tool)
    described = f"{function['name']}:{str(function.get('description') or '').removesuffix('.')}"
    opening = TOOL_INIT_CL100K if counter.name == "cl100k_base" else TOOL_INIT
    return opening + counter.text(described) + schema_tokens(function.get("parameters"), counter)


def schema_tokens(schema: Any, counter: TokenCounter) -> int:
    """Return the tokens of a JSON schema's properties, nested ones included."""
    if not isinstance(schema, dict):
        return 0
    count = _properties(schema.get("properties"), counter)
    choices = schema.get("enum")
    if isinstance(choices, list):
        count += ENUM_INIT + sum(ENUM_ITEM + counter.text(str(choice)) for choice in choices)
    for key in ("items", "additionalProperties"):
        count += schema_tokens(schema.get(key), counter)
    for key in ("anyOf", "oneOf", "allOf"):
        options = schema.get(key)
        if isinstance(options, list):
            count += sum(schema_tokens(option, counter) for option in options)
    for key in ("$defs", "definitions"):
        definitions = schema.get(key)
        if isinstance(definitions, dict):
            count += sum(
                counter.text(name) + schema_tokens(d, counter) for name, d in definitions.items()
            )
    return count


def _properties(properties: Any, counter: TokenCounter) -> int:
    if not isinstance(properties, dict) or not properties:
        return 0
    count = PROPERTIES_INIT
    for name, field in properties.items():
        count += PROPERTY_KEY
        if not isinstance(field, dict):
            count += counter.json({name: field})
            continue
        described = str(field.get("description") or "").removesuffix(".")
        count += counter.text(f"{name}:{field.get('type', '')}:{described}") + schema_tokens(
            field, counter
        )
    return count
