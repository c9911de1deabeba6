"""Where servers tell how large a model's window is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveate.proxy.pruning.limits.listing import window_in

ANSWERS: dict[str, tuple[Any, int | None]] = {
    "llama.cpp": (
        {"default_generation_settings": {"n_ctx": 8192, "params": {}}, "total_slots": 4},
        8192,
    ),
    "tgi": ({"model_id": "m", "max_input_tokens": 4095, "max_total_tokens": 4096}, 4095),
    "tgi, older": ({"max_input_length": 1024}, 1024),
    "ollama, set": (
        {"parameters": "stop  x\nnum_ctx    16384", "model_info": {"llama.context_length": 131072}},
        16384,
    ),
    "ollama, trained": (
        {"parameters": "", "model_info": {"a": 1, "llama.context_length": 131072}},
        131072,
    ),
    "lm studio": (
        {"data": [{"id": "M", "loaded_context_length": 4096, "max_context_length": 32768}]},
        4096,
    ),
    "another model's": ({"data": [{"id": "x", "max_context_length": 32768}]}, None),
    "nothing of it": ({"num_ctx": "many", "parameters": "num_ctx"}, None),
    "no object": ([1, 2], None),
}


@pytest.mark.parametrize(("answer", "window"), ANSWERS.values(), ids=ANSWERS)
def test_the_answer_of_each_kind_of_server_is_read(answer: Any, window: int | None) -> None:
    assert window_in(json.dumps(answer).encode(), "m") == window


def test_what_is_no_json_tells_nothing() -> None:
    assert window_in(b"<html>", "m") is None
