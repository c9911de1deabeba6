"""Texts of any length and kind can be counted, told apart and put together again."""

from __future__ import annotations

import json

import pytest

from foveate.policies.features import END, extract
from foveate.proxy.formats.chat import Chat
from foveate.proxy.formats.parsed import Piece
from foveate.proxy.formats.tokens import SLICE, TokenCounter
from foveate.proxy.formats.wire.text import left_out, split, text_kind

COUNTER = TokenCounter("o200k_base")
RUNS = {
    "blanks": " ",
    "tabs": "\t",
    "line ends": "\n",
    "a letter": "a",
    "marks": "\u0301",
    "fences": "```\n",
    "emoji": "😀",
}


@pytest.mark.parametrize("piece", RUNS.values(), ids=RUNS)
def test_a_run_of_anything_can_be_counted_and_read(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    raw = json.dumps({"role": "user", "content": text}, ensure_ascii=False).encode()
    block = Chat().parse(raw, COUNTER, 1500).blocks[0]
    assert 0 < block.tokens <= 3 * len(text)
    assert extract(text).length >= 0
    assert "".join(split(text, 6000)) == text
    assert text_kind(text) in ("conversation", "document", "code")


def test_counting_in_slices_is_off_by_little() -> None:
    text = "The quick brown fox jumps over the lazy dog, and it is 12:45 already. " * 4000
    exact = len(COUNTER._encoding.encode_ordinary(text))
    assert abs(COUNTER.text(text) - exact) <= 2 * (len(text) // SLICE + 1)


def test_of_a_long_text_both_ends_are_read() -> None:
    found = extract("alpha_1 " + "word " * END + "omega_2")
    assert {"alpha_1", "omega_2"} <= set(found.identifiers)


def test_encoded_data_is_no_value() -> None:
    assert extract("QUJD1" * 1000).identifiers == []


def test_a_long_message_is_put_together_of_what_is_kept() -> None:
    pieces = [Piece(0, f"piece {n}\n", 3, "conversation") for n in range(5000)]
    text = left_out(pieces, set(range(0, 5000, 2)))[0]
    assert text.count("tokens left out") == 2500
    assert text.startswith("piece 0\n[... 3 tokens left out ...]\npiece 2\n")
