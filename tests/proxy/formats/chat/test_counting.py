"""Tokens of chat completions, as the API reports them."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.proxy.formats.chat.counting import part_tokens
from foveate.proxy.formats.tokens import AUDIO, FILE, IMAGE, IMAGE_LOW, TokenCounter, encoding_name
from support.deciding import read

# OpenAI's cookbook, "How to count tokens with tiktoken": messages and tools with the counts that the API reported.
JARGON = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate jargon "
        "into plain English.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "New synergies will help drive top-line growth.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities for "
        "increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    },
]
WEATHER = [
    {
        "role": "system",
        "content": "You are a helpful assistant that can answer to questions about the weather.",
    },
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_current_weather",
            "description": "Get the current weather in a given location",
            "parameters": {
                "type": "object",
                "properties": {
                    "location": {
                        "type": "string",
                        "description": "The city and state, e.g. San Francisco, CA",
                    },
                    "unit": {
                        "type": "string",
                        "description": "The unit of temperature to return",
                        "enum": ["celsius", "fahrenheit"],
                    },
                },
                "required": ["location"],
            },
        },
    }
]


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("gpt-3.5-turbo", 129),
        ("gpt-4-0613", 129),
        ("gpt-4", 129),
        ("gpt-4o", 124),
        ("gpt-4o-mini", 124),
    ],
)
def test_messages_count_as_in_openais_cookbook(model: str, tokens: int) -> None:
    assert read({"model": model, "messages": JARGON}, encoding=encoding_name(model)).tokens == tokens


@pytest.mark.parametrize(
    ("model", "tokens"), [("gpt-4o", 101), ("gpt-4o-mini", 101), ("gpt-4", 105), ("gpt-3.5-turbo", 105)]
)
def test_tools_count_as_in_openais_cookbook(model: str, tokens: int) -> None:
    parsed = read({"model": model, "messages": WEATHER, "tools": TOOLS}, encoding=encoding_name(model))
    assert parsed.tokens == tokens


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        ({"type": "image_url", "image_url": {"url": "x"}}, IMAGE),
        ({"type": "image_url", "image_url": {"url": "x", "detail": "high"}}, IMAGE),
        ({"type": "image_url", "image_url": {"url": "x", "detail": "low"}}, IMAGE_LOW),
        ({"type": "input_audio", "input_audio": {"data": "AAAA" * 10_000}}, AUDIO),
        ({"type": "file", "file": {"file_data": "AAAA" * 10_000}}, FILE),
        ({"type": "text", "text": "hello"}, 1),
        ({"type": "refusal", "refusal": "no"}, 1),
    ],
)
def test_a_content_part_counts_by_its_kind_and_never_by_its_bytes(
    part: dict[str, Any], tokens: int
) -> None:
    assert part_tokens(part, TokenCounter("o200k_base")) == tokens
