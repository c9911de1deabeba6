"""Which names a model goes by, and how much it takes."""

from __future__ import annotations

import pytest

from foveate.proxy.pruning.limits.models import look_up, model_names, model_table, size_in_name

TABLE = {
    "openai/gpt-9": 1,
    "gpt-9": 2,
    "llama-4-8b-instruct": 3,
    "anthropic.claude-9": 4,
    "vendor/deep:free": 5,
}


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("openai/gpt-9", 1), ("gpt-9", 2), ("GPT-9", 2), ("azure/gpt-9", 2), ("gpt-9-2027-01-02", 2),
        ("gpt-9-20270102", 2), ("gpt-9-latest", 2), ("gpt-9@20270102", 2), ("openai/gpt-9:nitro", 1),
        ("openai/gpt-9:free", 1), ("vendor/deep:free", 5), ("ft:gpt-9:acme::id", 2), ("ft:gpt-9-2027-01-02:a::i", 2),
        ("hub/Llama-4-8B-Instruct-Q4_K_M.gguf", 3), ("llama-4-8b-instruct-awq", 3), ("llama-4-8b-instruct-4bit", 3),
        ("eu.anthropic.claude-9-20270102-v1:0", 4), ("global.anthropic.claude-9-v2", 4), ("a/b/c/d/gpt-9", 2),
        ("gpt", None), ("gpt-99", None), ("", None), (":", None), ("/", None), ("gpt-9/other", None),
        ("gpt-9[1m]", 2), ("gpt-9-high", 2), ("gpt-9-thinking", 2), ("openai:gpt-9", 2), ("openai.gpt-9", 2),
        (" gpt-9 ", 2), ("gpt-9-06-05", 2), ("gpt-9-0709-preview", 2), ("gpt-9-08-2027", 2), ("gpt-9-eastus2", 2),
        ("chatgpt-9-latest", 2), ("gpt-9-westeurope", 2), ("gpt-9-mini", None), ("gpt-9-12", None),
    ],
)  # fmt: skip
def test_a_decorated_name_is_looked_up_as_what_it_decorates(model: str, found: int | None) -> None:
    assert look_up(model, TABLE) == found


@pytest.mark.parametrize(
    "model", ["/" * 100_000, ":" * 100_000, "a/" * 50_000, "-latest" * 20_000, "ft:" * 50_000]
)
def test_any_name_has_a_few_names_only(model: str) -> None:
    assert len(model_names(model[:256])) < 60


def test_an_answers_limit_stands_apart_where_both_make_a_round_context() -> None:
    apart = size_in_name(
        {"max_input_tokens": 272_000, "max_output_tokens": 128_000, "max_tokens": 128_000}
    )
    shared = size_in_name({"max_input_tokens": 128_000, "max_output_tokens": 16_384})
    both_round = size_in_name({"max_input_tokens": 200_000, "max_output_tokens": 100_000})
    assert [(size.tokens, size.apart) for size in (apart, shared, both_round) if size] == [
        (272_000, True),
        (128_000, False),
        (200_000, False),
    ]


@pytest.mark.parametrize("entry", [{}, {"max_tokens": "many"}, {"max_tokens": None}, {"max_tokens": 0}])
def test_an_entry_without_a_number_is_no_size(entry: dict[str, object]) -> None:
    assert size_in_name(entry) is None


def test_a_model_that_only_hosts_list_is_found_by_its_own_name() -> None:
    table = model_table()
    hosted = [name for name in table if name.startswith("groq/")]
    assert hosted
    assert all(name.split("/", 1)[1].rsplit("/", 1)[-1] in table for name in hosted)
