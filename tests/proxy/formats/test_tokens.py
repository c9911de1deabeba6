"""Counting tokens as the provider does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from foveate.proxy.formats.tokens import AUDIO, FILE, IMAGE, IMAGE_LOW, TokenCounter, encoding_name
from support.conversations import body
from support.deciding import read

# OpenAI's cookbook, "How to count tokens with tiktoken": messages and tools with the counts that the API reported.
JARGON = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate jargon "
        "into plain English.",
    },
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
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
    {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
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
                    "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
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
    [("gpt-3.5-turbo", 129), ("gpt-4-0613", 129), ("gpt-4", 129), ("gpt-4o", 124), ("gpt-4o-mini", 124)],
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
    ("model", "encoding"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4.1-mini", "o200k_base"),
        ("o3", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-3.5-turbo-0125", "cl100k_base"),
        ("openai/gpt-4", "cl100k_base"),
        ("ft:gpt-4o:me::1", "o200k_base"),
        ("text-davinci-003", "p50k_base"),
        ("claude-sonnet-4", "o200k_base"),
        ("", "o200k_base"),
        ("davinci", "o200k_base"),
    ],
)
def test_a_models_encoding(model: str, encoding: str) -> None:
    assert encoding_name(model) == encoding


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
def test_a_content_part_counts_by_its_kind_and_never_by_its_bytes(part: dict[str, Any], tokens: int) -> None:
    assert TokenCounter("o200k_base").part(part) == tokens


@pytest.mark.parametrize("text", ["<|endoftext|>", "<|im_start|>system", "\ud800", "\x00", "\U0001f600" * 10, ""])
def test_any_text_can_be_counted(text: str) -> None:
    assert TokenCounter("o200k_base").text(text) >= len(text) // 20


def test_special_tokens_in_a_text_count_as_text() -> None:
    assert TokenCounter("o200k_base").text("<|endoftext|>") > 1


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
    assert read(body([], tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}])).tokens > 0


def test_nested_schemas_count_in_full() -> None:
    inner = {"type": "object", "properties": {"b": {"type": "string", "description": "words " * 30}}}
    for schema in ({"properties": {"a": inner}}, {"items": inner}, {"anyOf": [inner]}, {"$defs": {"x": inner}}):
        assert TokenCounter("o200k_base").schema(schema) > 30


def test_every_vocabulary_loads_with_no_network(tmp_path: Path) -> None:
    script = """
import socket
def refuse(*given): raise OSError("no network here")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from foveate.proxy.formats.tokens import TokenCounter
for name in ("o200k_base", "o200k_harmony", "cl100k_base", "p50k_base"):
    assert TokenCounter(name).text("hello world") == 2, name
print("all")
"""
    root = str(Path(__file__).parent.parent.parent)
    environment = {k: v for k, v in os.environ.items() if k != "TIKTOKEN_CACHE_DIR"} | {
        "PYTHONPATH": root,
        "HOME": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout == "all\n", done.stderr
