"""Which error answers say that reasoning does not belong to its conversation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.proxy.http.strangers import refuses_reasoning

BOUND = (
    "messages.5.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation. "
    'Remove the block, or set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
)


def anthropic(message: str) -> dict[str, Any]:
    """Return an error in Anthropic's shape."""
    return {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": message},
        "request_id": "req_1",
    }


def openai(message: str, code: str | None = None) -> dict[str, Any]:
    """Return an error in OpenAI's shape."""
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": "input", "code": code}
    }


REFUSALS: dict[str, Any] = {
    "anthropic, bound": anthropic(BOUND),
    "anthropic, a signature": anthropic(
        "messages.1.content.0: Invalid `signature` in `thinking` block"
    ),
    "anthropic, redacted": anthropic(
        "messages.1.content.0: Invalid `signature` in `redacted_thinking` block"
    ),
    "anthropic, modified": anthropic(
        "messages.3.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be "
        "modified. These blocks must remain as they were in the original response."
    ),
    "anthropic through litellm": openai(
        f"litellm.BadRequestError: AnthropicException - {json.dumps(anthropic(BOUND))}"
    ),
    "anthropic through openrouter": {
        "error": {
            "message": "Provider returned error",
            "code": 400,
            "metadata": {"raw": json.dumps(anthropic(BOUND)), "provider_name": "Anthropic"},
        }
    },
    "anthropic on bedrock": {"message": f"The model returned the following errors: {BOUND}"},
    "openai, encrypted content": openai(
        "The encrypted content gAAA could not be verified. Reason: Encrypted content could not be decrypted or parsed.",
        "invalid_encrypted_content",
    ),
    "openai, without what follows": openai(
        "Item 'rs_0123' of type 'reasoning' was provided without its required following item."
    ),
    "openai, without what led there": openai(
        "Item 'fc_0123' of type 'function_call' was provided without its required 'reasoning' item: 'rs_0123'."
    ),
}


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
def test_each_providers_refusal_is_recognised(answer: Any) -> None:
    for indent in (None, 2):
        assert refuses_reasoning(400, json.dumps(answer, indent=indent).encode())


OTHERS: dict[str, Any] = {
    "too long": openai(
        "This model's maximum context length is 8192 tokens.", "context_length_exceeded"
    ),
    "a budget of thoughts": anthropic("`max_tokens` must be greater than `thinking.budget_tokens`"),
    "a call without its result": anthropic(
        "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1."
    ),
    "an effort": openai(
        "Unsupported value: 'reasoning.effort' does not support 'none' with this model."
    ),
    "a mention of a conversation": openai("The item belongs to a different conversation."),
    "a mention of a signature": openai("Invalid signature."),
    "a mention of thoughts": openai("thinking blocks are not supported by this model; remove them"),
    "a mention of reasoning": openai("reasoning is encrypted; the content was invalid"),
    "a model": openai("The model `thinking` does not exist."),
    "nothing": {},
}


@pytest.mark.parametrize("answer", OTHERS.values(), ids=OTHERS)
def test_a_mere_mention_does_not_count(answer: Any) -> None:
    assert not refuses_reasoning(400, json.dumps(answer).encode())


@pytest.mark.parametrize("status", [200, 401, 403, 404, 413, 422, 429, 500, 503])
def test_another_status_is_about_something_else(status: int) -> None:
    assert not refuses_reasoning(status, json.dumps(REFUSALS["anthropic, bound"]).encode())


def test_an_error_that_quotes_a_question_about_such_refusals_is_about_something_else() -> None:
    quoted = [
        {"role": "user", "content": f"What does this mean: {BOUND}"},
        {"role": "user", "content": "word " * 2000},
    ]
    answer = {"detail": [{"type": "missing", "loc": ["body", "model"], "input": quoted}]}
    assert not refuses_reasoning(400, json.dumps(answer).encode())


@given(st.sampled_from([400, 422]), st.binary(max_size=300))
def test_any_answer_can_be_read(status: int, content: bytes) -> None:
    assert refuses_reasoning(status, content) in (True, False)
