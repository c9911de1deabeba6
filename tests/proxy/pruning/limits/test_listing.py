"""Where servers tell how large a model's window is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveate.proxy.pruning.limits.listing import listed, models_of, window_in

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
    "ollama, loaded": ({"models": [{"name": "m:latest", "context_length": 4096}]}, 4096),
    "tabby": ({"id": "m", "parameters": {"max_seq_len": 8192}}, 8192),
    "kobold": ({"value": 8192}, 8192),
    "another model's": ({"data": [{"id": "x", "max_context_length": 32768}]}, None),
    "nothing of it": ({"num_ctx": "many", "parameters": "num_ctx"}, None),
    "no object": ([1, 2], None),
}


@pytest.mark.parametrize(("answer", "window"), ANSWERS.values(), ids=ANSWERS)
def test_the_answer_of_each_kind_of_server_is_read(answer: Any, window: int | None) -> None:
    assert window_in(json.dumps(answer).encode(), "m") == window


def test_what_is_no_json_tells_nothing() -> None:
    assert window_in(b"<html>", "m") is None


ROWS: dict[str, dict[str, Any]] = {
    "openrouter": {"context_length": 9000, "top_provider": {"context_length": 8192}},
    "deepinfra": {"metadata": {"context_length": 8192, "max_tokens": 100}},
    "github": {"limits": {"max_input_tokens": 8192, "max_output_tokens": 100}},
    "copilot": {"capabilities": {"limits": {"max_context_window_tokens": 9000, "max_prompt_tokens": 8192}}},
    "gemini": {"inputTokenLimit": 8192, "outputTokenLimit": 100},
    "litellm": {"model_info": {"max_input_tokens": 8192, "max_tokens": 100}},
    "novita": {"context_size": 8192},
    "venice": {"model_spec": {"availableContextTokens": 8192}},
    "hugging face": {"providers": [{"context_length": 16384}, {"context_length": 8192}, {}]},
    "models.dev": {"limit": {"context": 8192, "output": 100}},
    "llama.cpp": {"meta": {"n_ctx": 8192, "n_ctx_train": 131072}},
    "llama.cpp, not loaded": {"meta": {"n_ctx_train": 8192}},
    "as text": {"context_length": "8192"},
    "with a point": {"context_length": 8192.0},
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_tells_the_window_under_any_of_its_names(row: dict[str, Any]) -> None:
    assert listed(json.dumps({"data": [{"id": "M", **row}]}).encode()) == {"m": 8192}


@pytest.mark.parametrize(
    "row", [{"max_tokens": 8}, {"context_length": True}, {"context_length": -1}, {"max_output_tokens": 8},
            {"context_length": "many"}, {"context_length": None}, {"limits": 5}, {"context": 8}, {"limits": [[1]]}]
)  # fmt: skip
def test_what_is_no_window_is_none(row: dict[str, Any]) -> None:
    assert listed(json.dumps({"data": [{"id": "m", **row}]}).encode()) == {}


LISTS: dict[str, Any] = {
    "models": {"models": [{"id": "m", "context_length": 8}]},
    "a bare list": [{"id": "m", "context_length": 8}],
    "by name": {"data": [{"name": "m", "context_length": 8}]},
    "gemini's names": {"models": [{"name": "models/m", "inputTokenLimit": 8}]},
    "an object of them": {"data": {"m": {"context_length": 8}}},
    "aliases": {"data": [{"id": "x", "aliases": ["m", 5], "context_length": 8}]},
    "beside nonsense": {"data": [5, None, {}, {"id": 5}, {"id": "m", "context_length": 8}]},
}


@pytest.mark.parametrize("answer", LISTS.values(), ids=LISTS)
def test_lists_of_every_shape_are_read(answer: Any) -> None:
    assert listed(json.dumps(answer).encode())["m"] == 8


@pytest.mark.parametrize("answer", [b"", b"{", b"5", b'{"data": 5}', b'{"data": null}', b'[[1], "x"]'])
def test_what_is_no_list_has_no_rows(answer: bytes) -> None:
    assert models_of(answer) == []
