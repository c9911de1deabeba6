"""Counting tokens as the provider does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.proxy.formats.tokens import TokenCounter, encoding_name


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
    "text", ["<|endoftext|>", "<|im_start|>system", "\ud800", "\x00", "\U0001f600" * 10, ""]
)
def test_any_text_can_be_counted(text: str) -> None:
    assert TokenCounter("o200k_base").text(text) >= len(text) // 20


PARTS = [
    "\n",
    "\n\n",
    " ",
    "\t",
    "/",
    "a",
    "Bc",
    "1234",
    "'s",
    "].",
    "\r\n",
    "\x0b",
    "\u2028",
    "\u0301",
    "\u65e5",
    "\ud800",
    "[...",
]


@given(
    st.lists(st.sampled_from(PARTS)).map("".join),
    st.sampled_from(["o200k_base", "cl100k_base", "p50k_base"]),
)
def test_counting_line_by_line_comes_to_the_same(text: str, encoding: str) -> None:
    counter = TokenCounter(encoding)
    assert counter.lines(text) == counter.text(text)


def test_special_tokens_in_a_text_count_as_text() -> None:
    assert TokenCounter("o200k_base").text("<|endoftext|>") > 1


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
    root = Path(__file__).parents[3]
    environment = {k: v for k, v in os.environ.items() if k != "TIKTOKEN_CACHE_DIR"} | {
        "PYTHONPATH": str(root / ".package"),
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "all\n", done.stderr
