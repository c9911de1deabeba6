"""What of a response's request is counted by an estimate, which teaches nothing of a tokenizer."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.proxy.formats.responses import Responses
from support.deciding import read

SHOT = {"type": "computer_screenshot", "image_url": "https://example.org/a.png"}


def is_guessed(item: Any) -> bool:
    """Say whether an item is."""
    return read({"model": "m", "input": [item]}, wire=Responses()).items[0].guessed


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": [{"type": "input_text", "text": "Look."}, {"type": "input_image"}]},
        {"role": "user", "content": [{"type": "input_file", "file_id": "f"}]},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image"}]},
        {"type": "computer_call_output", "call_id": "c", "output": SHOT},
        {"type": "image_generation_call", "id": "ig", "result": "AAAA"},
    ],
)
def test_pictures_and_files_are_estimates(item: Any) -> None:
    assert is_guessed(item)


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "Look."},
        {"role": "user", "content": [{"type": "input_text", "text": "Look."}]},
        {"type": "function_call_output", "call_id": "c", "output": "found"},
    ],
)
def test_text_is_counted(item: Any) -> None:
    assert not is_guessed(item)
