"""What of a Messages request is counted by an estimate, which teaches nothing of a tokenizer."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.proxy.formats.messages import Messages
from support.deciding import read

IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
PDF = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
}
NOTES = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Notes."}}
WORDS = {"type": "text", "text": "Look."}


def is_guessed(*parts: Any) -> bool:
    """Say whether a message of those parts is."""
    request = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": list(parts)}]}
    return read(request, wire=Messages()).items[0].guessed


@pytest.mark.parametrize("part", [IMAGE, PDF, {"type": "document"}])
def test_pictures_and_files_are_estimates_inside_a_result_too(part: Any) -> None:
    assert is_guessed(WORDS, part)
    assert is_guessed({"type": "tool_result", "tool_use_id": "t", "content": [part]})


def test_text_is_counted() -> None:
    assert not is_guessed(WORDS, NOTES)
    assert not is_guessed({"type": "tool_result", "tool_use_id": "t", "content": "found"})
