"""Kinds of text, and where it is cut."""

from __future__ import annotations

import pytest

from foveate.proxy.formats.wire.text import split, text_kind

CODE = "import os\n\ndef main():\n    return os.getcwd()\n\nclass A:\n    pass\n" * 2
LOG = "2024-05-06 12:00:01 INFO started\n" * 6


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "conversation"),
        ("Hello there.", "conversation"),
        ("word " * 500, "document"),
        (CODE, "code"),
        (LOG, "log"),
        (f"See:\n```py\n{CODE}```\n", "code"),
        ("one\ntwo\nthree\nfour\nfive", "conversation"),
    ],
)
def test_the_kind_of_a_text(text: str, kind: str) -> None:
    assert text_kind(text) == kind


def test_text_is_cut_at_blank_lines_first() -> None:
    paragraphs = [f"paragraph {n} has a few words\n\n" for n in range(6)]
    assert split("".join(paragraphs), size=70) == ["".join(paragraphs[i : i + 2]) for i in (0, 2, 4)]


def test_a_code_block_stays_whole_where_it_fits() -> None:
    block = "```\n" + "x = 1\n\n" * 10 + "```\n"
    pieces = split("before\n\n" + block + "after\n\n" * 20, size=120)
    assert any(block in piece for piece in pieces)


def test_a_large_block_is_cut_at_lines() -> None:
    lines = "".join(f"line number {n}\n" for n in range(50))
    pieces = split(lines, size=100)
    assert len(pieces) > 5
    assert all(piece.endswith("\n") and len(piece) <= 100 for piece in pieces)


def test_a_single_line_is_never_cut() -> None:
    assert split("x" * 10_000, size=100) == ["x" * 10_000]


def test_no_text_has_no_pieces() -> None:
    assert split("", size=10) == []
