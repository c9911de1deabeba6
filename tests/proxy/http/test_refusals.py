"""Which error answers say that a prompt is too long, and the numbers in them."""

# ruff: noqa: E501  (what upstreams say stands on one line)

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.proxy.http.refusals import TooLong, read_refusal

OPENAI = "This model's maximum context length is 8192 tokens. However, "


def openai_error(message: str, code: str | None = "context_length_exceeded") -> dict[str, Any]:
    """An error in OpenAI's shape."""
    return {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": "messages",
            "code": code,
        }
    }


REFUSALS: dict[str, tuple[int, Any, int | None, int | None]] = {
    "openai": (
        400,
        openai_error(OPENAI + "your messages resulted in 9012 tokens. Please reduce the length of the messages."),
        8192, 9012,
    ),
    "openai, with the answer": (
        400, openai_error(OPENAI + "you requested 10012 tokens (9012 in the messages, 1000 in the completion)."),
        8192, 9012,
    ),
    "openai, newer": (
        400, openai_error("Input tokens exceed the configured limit of 8192 tokens. Your messages resulted in 9012 tokens."),
        8192, 9012,
    ),
    "openai, no numbers": (
        400, openai_error("Your input exceeds the context window of this model. Please adjust your input and try again."),
        None, None,
    ),
    "azure": (
        400,
        {"error": {**openai_error(OPENAI + "your messages resulted in 9012 tokens.")["error"], "innererror": {}}},
        8192, 9012,
    ),
    "vllm": (
        400,
        {
            "object": "error", "type": "BadRequestError", "param": None, "code": 400,
            "message": OPENAI + "you requested 9112 tokens (9012 in the messages, 100 in the completion). "
            "Please reduce the length of the messages or completion.",
        },
        8192, 9012,
    ),
    "vllm, newer": (
        400,
        openai_error(
            "'max_tokens' or 'max_completion_tokens' is too large: 100. This model's maximum context length is 8192 "
            "tokens and your request has 9012 input tokens (100 > 8192 - 9012). None", None
        ),
        8192, 9012,
    ),
    "vllm, engine": (
        400, openai_error("The decoder prompt (length 9012) is longer than the maximum model length of 8192.", None), 8192, 9012
    ),
    "sglang": (
        400, {"object": "error", "message": "The input (9012 tokens) is longer than the model's context length (8192 tokens)."},
        8192, 9012,
    ),
    "llama.cpp": (
        400,
        {
            "error": {
                "code": 400, "message": "request (9012 tokens) exceeds the available context size (8192 tokens), try "
                "increasing it", "type": "exceed_context_size_error", "n_prompt_tokens": 9012, "n_ctx": 8192,
            }
        },
        8192, 9012,
    ),
    "anthropic through litellm": (
        400,
        openai_error(
            'litellm.ContextWindowExceededError: AnthropicException - {"type":"error","error":{"type":'
            '"invalid_request_error","message":"prompt is too long: 210012 tokens > 200000 maximum"}}', "400"
        ),
        200000, 210012,
    ),
    "anthropic, with the answer": (
        400, openai_error("input length and `max_tokens` exceed context limit: 190012 + 20000 > 200000, decrease input"), 200000, 190012
    ),
    "gemini": (
        400,
        {
            "error": {
                "code": 400, "status": "INVALID_ARGUMENT",
                "message": "The input token count (1200012) exceeds the maximum number of tokens allowed (1048576).",
            }
        },
        1048576, 1200012,
    ),
    "mistral": (
        400,
        {
            "object": "error", "type": "invalid_request_error", "code": "3051",
            "message": "Prompt contains 40012 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        },
        32768, 40012,
    ),
    "tgi": (
        422,
        {
            "error_type": "validation",
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8192. Given: 9012 `inputs` "
            "tokens and 100 `max_new_tokens`",
        },
        8192, 9012,
    ),
    "tgi, without an answer's length": (
        422, {"error": "Input validation error: `inputs` must have less than 8191 tokens. Given: 9012"}, 8191, 9012
    ),
    "xai": (
        400, {"error": "This model's maximum prompt length is 8192 but the request contains 9012 tokens."}, 8192, 9012
    ),
    "kimi": (
        400, openai_error("Invalid request: Your request exceeded model token limit: 8192 (requested: 9012)", None), 8192, 9012
    ),
    "lm studio": (
        400,
        {
            "error": "Trying to keep the first 9012 tokens when context the overflows. However, the model is loaded with "
            "context length of only 8192 tokens, which is not enough."
        },
        8192, 9012,
    ),
    "openrouter": (
        400,
        openai_error(
            "This endpoint's maximum context length is 8192 tokens. However, you requested about 9112 tokens (9012 of text "
            "input, 100 in the output). Please reduce the length of either one, or use the \"middle-out\" transform", None
        ),
        8192, 9012,
    ),
    "groq": (400, openai_error("Please reduce the length of the messages or completion."), None, None),
    "bedrock": (400, {"message": "Input is too long for requested model."}, None, None),
    "with separators": (400, openai_error("This model's maximum context length is 128,000 tokens."), 128000, None),
    "ai21": (422, {"detail": "Prompt has too many tokens (9012). The maximum is 8192."}, 8192, None),
    "bedrock, jurassic": (400, {"message": "Prompt has too many tokens. The max number of tokens allowed is 8192"}, 8192, None),
    "openrouter, an earlier error": (
        400,
        {
            "error": {
                "message": "Provider returned error", "code": 400,
                "metadata": {"raw": "ERROR", "previous_errors": [{"code": 400, "message": "prompt is too long: 9012 tokens > 8192 maximum"}]},
            }
        },
        8192, 9012,
    ),
    "vllm, counted by characters": (
        400,
        openai_error(
            "You passed 90120 input characters and requested 100 output tokens. However, the model's context length is only "
            "8192 tokens, resulting in a maximum input length of 8092 tokens (at most 80920 characters).", None
        ),
        8192, None,
    ),
    "vllm, less the answer": (
        400,
        openai_error(
            "You passed 9012 input tokens and requested 100 output tokens. However, the model's context length is only 8192 "
            "tokens, resulting in a maximum input length of 8092 tokens. Please reduce the length of the input prompt.", None
        ),
        8192, 9012,
    ),
    "tgi, without quotes": (
        400, openai_error("inputs tokens + max_new_tokens must be <= 8192. Given: 9012 inputs tokens and 100 max_new_tokens", None),
        8192, 9012,
    ),
    "tensorrt-llm": (
        400,
        {
            "object": "error",
            "message": "default_max_tokens (-820) must be greater than 0, default_max_tokens (-820) = max_seq_len (8192) - "
            "splited_prompt_len (9012) - query_token_len (0)",
        },
        8192, 9012,
    ),
    "triton": (
        400,
        {
            "error": "in ensemble 'ensemble', Executor failed process requestId 1 due to the following error: Encountered an "
            "error in forwardAsync function: Prompt length (9012) exceeds maximum input length (8192)."
        },
        8192, 9012,
    ),
    "xinference": (
        400, {"detail": "[address=10.0.0.1:4120, pid=71] " + OPENAI + "you requested 9012 tokens in the messages."}, 8192, 9012,
    ),
    "mistral.rs": (422, {"message": "Prompt sequence length is greater than 8192, perhaps consider using `truncate_sequence`?"}, 8192, None),
    "openvino": (
        400,
        {
            "error": "Mediapipe execution failed. MP status - INVALID_ARGUMENT: Number of prompt tokens: 9012 exceeds model max "
            "length: 8192"
        },
        8192, 9012,
    ),
    "apple": (400, openai_error("Exceeded model context window size", None), None, None),
    "apple, by its code": (400, openai_error("No.", "exceededContextWindowSize"), None, None),
    "both in brackets": (400, {"detail": "Prompt exceeds the context window (9012 > 8192)"}, 8192, 9012),
    "dashscope": (400, {"code": "InvalidParameter", "message": "Total message token length exceed model limit (8192 tokens)."}, 8192, None),
    "in the prompt": (
        400, openai_error("The number of tokens in your prompt (9012) exceeds the model's context length of 8192.", None), 8192, 9012,
    ),
    "copilot, messages": (
        400,
        {"error": {"message": "input length and max_tokens exceed context limit: 9012 + 1600 > 8192, decrease input length or max_tokens and try again", "code": "invalid_request_body"}},
        8192, 9012,
    ),
    "a backend's words": (
        400,
        {"error": "Error from inference backend: Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a total of 9112 tokens: 9012 tokens from the input messages and 100 tokens for the completion."},
        8192, 9012,
    ),
    "openai, the prompt": (
        400, openai_error("This model's maximum context length is 8192 tokens, however you requested 10012 tokens (9012 in your prompt; 1000 for the completion). Please reduce your prompt; or completion length.", None),
        8192, 9012,
    ),
    "ds4": (400, openai_error("Prompt has 9,012 tokens, but the configured context size is 8,192 tokens", None), 8192, 9012),
    "ds4, fields": (
        400,
        {"error": {"message": "Prompt tokens (9012) exceeds context size (8192)", "type": "context_exceeded", "n_prompt_tokens": 9012, "n_ctx": 8192}},
        8192, 9012,
    ),
    "dashscope through a gateway": (
        400, openai_error("400 <400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 8192]", None), 8192, None,
    ),
    "siliconflow, all tokens": (
        413, {"code": 20015, "message": "max_total_tokens (9012) must be less than or equal to max_seq_len (8192)", "data": None}, 8192, None,
    ),
    "cloudflare, too large": (
        413, {"errors": [{"message": "AiError: Max input tokens for this model is 8192 but received 9012"}], "success": False}, 8192, 9012,
    ),
    "vertex, out of range": (
        400, openai_error("Unable to submit request because the input token count is out of range", None), None, None,
    ),
    "mistral, errors in place of words": (
        422,
        {"object": "error", "message": {"detail": [{"type": "value_error", "msg": "Prompt contains 9012 tokens, too large for model with 8192 maximum context length"}]}},
        8192, 9012,
    ),
    "messages that were supplied": (
        400, {"error": "The supplied messages exceed the maximum context length of this model."}, None, None,
    ),
    "a code alone": (400, {"error": {"message": "CONTEXT_WINDOW_WILL_OVERFLOW"}}, None, None),
    "a budget of tokens": (400, {"error": "The prompt exceeds the model's token budget of 8192"}, None, None),
    "a template of the server's": (400, {"error": "The prompt after the chat template is longer than the model takes"}, None, None),
    "length only": (400, {"error": "context length is only 8192 tokens"}, 8192, None),
}  # fmt: skip


@pytest.mark.parametrize(("status", "answer", "window", "prompt"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_recognised_with_its_numbers(
    status: int, answer: Any, window: int | None, prompt: int | None
) -> None:
    for indent in (None, 2):
        assert read_refusal(status, json.dumps(answer, indent=indent).encode()) == TooLong(
            window, prompt
        )


UNRELATED = {
    "an unknown model": openai_error(
        "The model `gpt-9` does not exist or you do not have access to it.", "model_not_found"
    ),
    "too long an answer asked for": openai_error(
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided 100000.",
        "invalid_value",
    ),
    "siliconflow, another field": {
        "code": 20015,
        "message": "max_total_tokens (10) must be an integer",
        "data": None,
    },
    "cloudflare, a wrong type": {
        "errors": [{"message": "Max input tokens for this model is 8192 but received a string"}]
    },
    "words that are too few": openai_error("Context length is only 3 characters; say more", None),
    "too many messages": openai_error(
        "The provided messages exceed the maximum number of 100 messages per request", None
    ),
    "an array of messages": openai_error(
        "The supplied messages array is too long. Expected an array with maximum length 2048", None
    ),
    "too many answers": openai_error(
        "The supplied request exceeds the maximum number of choices", None
    ),
    "too many inputs": openai_error(
        "The supplied total number of inputs exceeds the maximum of 2048", None
    ),
    "a token to come in with": openai_error("The provided token exceeds the maximum length", None),
    "a token of authentication": openai_error(
        "The provided tokens: authentication token is too long", None
    ),
    "a filter of content": openai_error(
        "Error from content filter: prompt exceeds the safety limit", None
    ),
    "a policy": openai_error("The supplied prompt was flagged as exceeding the policy limit", None),
    "a template": openai_error("The supplied prompt template is longer than the limit", None),
    "a budget of money": openai_error(
        "The provided input exceeds the maximum budget of your plan", None
    ),
    "too long an answer for the window": openai_error(
        "This model's maximum context length is 8192 tokens, however you requested 9312 tokens (312 in your prompt; 9000 for the completion).",
        None,
    ),
    "a wrong type": openai_error(
        "Invalid type for 'messages[0].content': expected one of a string or array of objects", None
    ),
    "a filter": openai_error(
        "The response was filtered due to the prompt triggering content management policy.",
        "content_filter",
    ),
    "a tool without a call": openai_error(
        "messages with role 'tool' must be a response to a preceeding message", None
    ),
    "too many images": openai_error("Too many images: at most 50 are allowed in a request", None),
    "tokens a minute": openai_error(
        "Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 9012"
    ),
    "too short for the cache": openai_error(
        "Prompt caching requires a prompt of more than 1024 tokens.", None
    ),
    "bytes": {"message": "Request body exceeds the maximum allowed size of 10485760 bytes"},
    "memory": openai_error(
        "The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (8000).",
        None,
    ),
    "a deadline": openai_error("context deadline exceeded", None),
    "a blocked text": openai_error(
        "Your request was blocked: the prompt contains a text longer than the policy allows to scan",
        None,
    ),
    "a tool's output": openai_error(
        "Tool output for call_x exceeds the maximum length of 1048576 characters.", None
    ),
    "an edit": openai_error(
        "context_management.edits.0.trigger.value: Input should be greater than or equal to 1024", None
    ),
    "nothing": {},
}
UNRELATED["tokens a minute"]["error"]["code"] = "rate_limit_exceeded"


@pytest.mark.parametrize("answer", UNRELATED.values(), ids=UNRELATED)
def test_other_errors_are_about_something_else(answer: Any) -> None:
    assert read_refusal(400, json.dumps(answer).encode()) is None


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503])
def test_a_status_that_no_provider_uses_for_it_is_something_else(status: int) -> None:
    assert read_refusal(status, json.dumps(REFUSALS["openai"][1]).encode()) is None


def test_a_long_answer_that_quotes_the_prompt_is_about_something_else() -> None:
    quoted = [
        {"role": "user", "content": f"What does this mean: {OPENAI}?"},
        {"role": "user", "content": "word " * 2000},
    ]
    assert (
        read_refusal(
            400,
            json.dumps({"detail": [{"type": "missing", "loc": ["body"], "input": quoted}]}).encode(),
        )
        is None
    )


@given(st.sampled_from([400, 413, 422]), st.binary(max_size=300))
def test_any_answer_can_be_read(status: int, content: bytes) -> None:
    found = read_refusal(status, content)
    assert found is None or found.window is None or found.window >= 0
