"""Refusals of each provider, and errors that only mention one: structure first, then whole sentences."""

# ruff: noqa: E501  (what upstreams say stands on one line)

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.proxy.http.refusals import TooLong, read_refusal


def said(message: str, **more: Any) -> dict[str, Any]:
    return {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": None,
            "code": None,
            **more,
        }
    }


PROVIDERS: dict[str, tuple[Any, int | None, int | None]] = {
    "poolside": (said("Input length 9012 exceeds the maximum allowed input length of 8192 tokens."), 8192, 9012),
    "dashscope": (said("Range of input length should be [1, 8192]", code="invalid_parameter_error"), 8192, None),
    "glm": ({"error": {"code": "1261", "message": "Prompt exceeds max length"}}, None, None),
    "z.ai": (said("tokens in request more than max tokens allowed"), None, None),
    "rkllm": (said("Prompt is 9012 tokens but the model context window is 8192 tokens."), 8192, 9012),
    "ds4": ({"error": {"message": "Prompt tokens (9012) exceeds context size (8192)", "type": "context_exceeded"}}, 8192, 9012),
    "fireworks": (said("The prompt is too long: 9012, model maximum context length: 8192"), 8192, 9012),
    "vertex": ({"error": {"code": 400, "message": "Unable to submit request because the input token count is 9012 but model only supports up to 8192.", "status": "INVALID_ARGUMENT"}}, 8192, 9012),
    "cohere": ({"message": "too many tokens: total number of tokens in the prompt cannot exceed 8192 - received 9012"}, 8192, 9012),
    "copilot": (said("prompt token count of 9012 exceeds the limit of 8192", code="model_max_prompt_tokens_exceeded"), 8192, 9012),
    "cloudflare": ({"errors": [{"message": "AiError: The estimated number of input and maximum output tokens (9012) exceeded this model context window limit (8192).", "code": 5021}]}, 8192, None),
    "cerebras": (said("Please reduce the length of the messages or completion. Current length is 9012 while limit is 8192", code="context_length_exceeded"), 8192, 9012),
    "minimax": (said("invalid params, context window exceeds limit (2013)"), None, None),
    "ollama": ({"error": "prompt too long; exceeded max context length by 820 tokens"}, None, None),
    "github": ({"error": {"code": "tokens_limit_reached", "message": "Request body too large for gpt-4o model. Max size: 8192 tokens."}}, 8192, None),
    "in chinese": ({"error": {"code": "1210", "message": "输入长度超过模型最大长度限制 8192"}}, 8192, None),
    "in japanese": ({"error": {"message": "入力がモデルの最大トークン数を超えています"}}, None, None),
    "gemini, in a list": ([{"error": {"code": 400, "message": "The input token count (9012) exceeds the maximum number of tokens allowed (8192).", "status": "INVALID_ARGUMENT"}}], 8192, 9012),
    "openrouter, the provider's own": (said("Provider returned error", metadata={"raw": json.dumps(said("This model's maximum context length is 8192 tokens. However, your messages resulted in 9012 tokens."))}), 8192, 9012),
    "a code alone": ({"error": {"code": "context_length_exceeded"}}, None, None),
    "bedrock, through converse": ({"message": "An error occurred (ValidationException) when calling the Converse operation: The model returned the following errors: prompt is too long: 9012 tokens > 8192 maximum"}, 8192, 9012),
    "bedrock, malformed": ({"message": "Malformed input request: prompt is too long: 9012 tokens > 8192 maximum, please reformat your input"}, 8192, 9012),
    "bedrock, mistral": ({"message": "Too many input tokens. Max input tokens: 8192, request input token count: 9012 "}, 8192, 9012),
    "cohere, newer": ({"message": "too many tokens: size limit exceeded by 820 tokens. Try using shorter or fewer inputs. The limit for this model is 8192 tokens."}, 8192, None),
    "dashscope, inner": (said("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 8192]"), 8192, None),
    "minimax, its own shape": ({"base_resp": {"status_code": 2013, "status_msg": "invalid params, context window exceeds limit"}}, None, None),
    "ernie": ({"error_code": 336007, "error_msg": "the max input characters is 8192"}, None, None),
    "ernie, newer": (said("Prompt tokens too long", code="tokens_too_long"), None, None),
    "ark": (said("Total tokens of image and text exceed max message tokens. Request id: 021", code="InvalidParameter"), None, None),
    "ark, a length": (said("Input length 9012 exceeds the maximum length 8192. Request id: 021"), 8192, 9012),
    "ark, a code": (said("The request failed", code="OutofContextError"), None, None),
    "in chinese, politely": (said("您输入的内容过长"), None, None),
    "in chinese, a chat": (said("当前对话长度超出模型最大长度限制 8192"), 8192, None),
    "in korean": (said("입력이 너무 깁니다"), None, None),
    "spark": ({"code": 10907, "message": "token数量超过上限"}, None, None),
    "nim": ({"object": "error", "message": "Input length 9012 exceeds maximum allowed token size 8192"}, 8192, 9012),
    "vllm, passed": (said("You passed 9012 input tokens and requested 0 output tokens. However, the model's context length is only 8192 tokens, resulting in a maximum input length of 8192 tokens."), 8192, 9012),
    "vllm, v1": (said("The engine prompt length 9012 exceeds the max_model_len 8192. Please reduce prompt."), 8192, 9012),
    "vllm, older": (said("Input prompt (9012 tokens) is too long and exceeds limit of 8192"), 8192, 9012),
    "vllm, with pictures": (said("The prompt (total length 9012) is too long to fit into the model (context length 8192)."), 8192, 9012),
    "sglang, allowed": (said("Input length (9012 tokens) exceeds the maximum allowed length (8192 tokens). Use a shorter input or enable --allow-auto-truncate."), 8192, 9012),
    "llama.cpp, older": (said("Input prompt is too big compared to KV size. Please try increasing KV size."), None, None),
    "llama-cpp-python": (said("Requested tokens (9012) exceed context window of 8192"), 8192, 9012),
    "lm studio, kept": ({"error": "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 9012>= n_ctx: 8192)."}, 8192, 9012),
    "lm studio, reached": ({"error": "Reached context length of 8192 tokens with this model"}, 8192, None),
    "mlx": ({"detail": "Prompt too long: 9012 tokens exceeds max context window of 8192 tokens"}, 8192, 9012),
    "tabby": ({"detail": "Prompt length 9012 is greater than max_seq_len 8192"}, 8192, 9012),
    "tensorrt": (said("Prompt length (9012) exceeds maximum input length (8192)."), 8192, 9012),
    "triton": (said("The sum of prompt length (9012.0), query length (0) and max_tokens (100) should be less than or equals to max_num_tokens (8192)"), 8192, 9012),
    "lmdeploy": (said("The input prompt's length 9012 exceeds the session_len 8192"), 8192, 9012),
    "databricks": ({"error_code": "BAD_REQUEST", "message": "prompt token count (9012) cannot exceed 8192. Please reduce"}, 8192, 9012),
    "databricks, another's": ({"error_code": "BAD_REQUEST", "message": json.dumps({"external_model_error": said("prompt is too long: 9012 tokens > 8192 maximum")})}, 8192, 9012),
    "snowflake": ({"message": "max tokens of 8192 exceeded"}, 8192, None),
    "watsonx": ({"errors": [{"code": "invalid_input_argument", "message": "Invalid input argument for Model 'x': the number of input tokens 9012 cannot exceed the total tokens limit 8192 for this model"}]}, 8192, 9012),
    "sagemaker": ({"ErrorCode": "CLIENT_ERROR_FROM_MODEL", "Message": 'Received client error (422) from primary with message "{"error":"Input validation error: `inputs` must have less than 8192 tokens. Given: 9012"}". See https://x'}, 8192, 9012),
    "siliconflow": ({"code": 20015, "message": "length of prompt_tokens (9012) must be less than max_seq_len (8192).", "data": None}, 8192, 9012),
    "yandex": ({"error": "number of input tokens must be no more than 8192, got 9012"}, 8192, 9012),
    "portkey": (said("anthropic error: prompt is too long: 9012 tokens > 8192 maximum"), 8192, 9012),
    "as python prints it": (said("Error code: 400 - {'error': {'message': \"This model's maximum context length is 8192 tokens. However, your messages resulted in 9012 tokens.\"}}"), 8192, 9012),
    "litellm, as bytes": (said("litellm.BadRequestError: VertexAIException BadRequestError - b'" + json.dumps({"error": {"message": "The input token count (9012) exceeds the maximum number of tokens allowed (8192)."}}) + "'. Received Model Group=x {y}"), 8192, 9012),
    "the code as the error": ({"error": "context_length_exceeded"}, None, None),
    "a code in capitals": ({"code": "CONTEXT_LENGTH_EXCEEDED", "message": "no"}, None, None),
    "a stream's failed answer": ({"type": "response.failed", "response": {"status": "failed", "error": {"code": "context_length_exceeded", "message": "Your input exceeds the context window of this model."}}}, None, None),
    "tokens in all": (said("The total number of tokens in your request (9012) exceeds the maximum of 8192 allowed for this model."), 8192, None),
    "plain text": ("The prompt is too long: 9012 tokens", None, 9012),
}  # fmt: skip


@pytest.mark.parametrize("status", [400, 413, 500, 502])
@pytest.mark.parametrize(("answer", "window", "prompt"), PROVIDERS.values(), ids=PROVIDERS)
def test_a_provider_is_understood(
    status: int, answer: Any, window: int | None, prompt: int | None
) -> None:
    content = (
        answer.encode() if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False).encode()
    )
    assert read_refusal(status, content) == TooLong(window, prompt)


def test_an_error_in_an_answer_that_says_ok_is_one() -> None:
    assert read_refusal(200, json.dumps(PROVIDERS["poolside"][0]).encode()) == TooLong(8192, 9012)
    spoken = {"choices": [{"message": {"content": "Prompt exceeds max length"}}], "error": None}
    assert read_refusal(200, json.dumps(spoken).encode()) is None
    assert read_refusal(200, b"The prompt is too long: 9012 tokens") is None


@pytest.mark.parametrize("status", [400, 413])
def test_a_refusal_without_a_word_is_one_that_says_nothing(status: int) -> None:
    assert read_refusal(status, b"") == TooLong(None, None, said=False)
    assert read_refusal(500, b"") is None


MENTIONS: dict[str, Any] = {
    "a help page": said("max_tokens must be greater than thinking.budget_tokens. See https://docs.example.com/max-tokens-and-context-window-size"),
    "a parameter's name": said("Unrecognized request argument supplied: context_window_size", param="context_window_size"),
    "a validation error": {"detail": [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": {"text": "prompt is too long"}}]},
    "moderation": said("Your request was flagged. Excerpt: 'the prompt is too long for my taste'", code="content_policy_violation"),
    "an answer that would be too long": said("'max_tokens' is too large: 50000. This model's maximum context length is 40960 tokens and your request has 5000 input tokens (50000 > 40960 - 5000)."),
    "tokens a minute": said("Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 9012", code="rate_limit_exceeded"),
    "a time limit": said("The request exceeded the maximum time limit"),
    "pictures": said("Too many images: at most 50 are allowed in a request"),
    "pictures that are too large": said("Request exceeds the maximum size of images"),
    "tools": said("Your request exceeds the maximum number of tools (128)"),
    "a quota": said("The request exceeds your current quota limit"),
    "an id": said("The message id is too long"),
    "a name": said("Your prompt name exceeds the maximum length of 64 characters"),
    "a header": said("The request header exceeds the maximum length"),
    "an address": said("Request URI too long"),
    "sound": said("Input audio is longer than the maximum of 25 minutes"),
    "a file": said("Input file exceeds the maximum size of 512 MB"),
    "a duration": said("Request exceeded the maximum execution time"),
    "tokens a day": said("Your request exceeds the daily token limit of your plan"),
    "a rate of requests": said("请求频率超过限制"),
    "biases": said("Too many tokens in logit_bias: the maximum is 300"),
    "an answer's length": said("Requested max_tokens 9000 exceeds the maximum of 8192 completion tokens for this model"),
    "an answer's tokens": said("The requested number of output tokens exceeds the maximum limit of 8192"),
    "too short": said("The prompt must be longer than 1 token for this model"),
    "quotation": said("Could not parse: This model's maximum context length is 900 tokens."),
    "a model that does not exist": said("The model `context length exceeded 8k` does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("answer", MENTIONS.values(), ids=MENTIONS)
def test_a_mere_mention_is_no_refusal(answer: Any) -> None:
    assert read_refusal(400, json.dumps(answer).encode()) is None


FORGED = (
    "This model's maximum context length is 900 tokens. However, your messages resulted in 4400 tokens."
)
QUOTES = [
    {"model": FORGED},
    {"messages": [{"role": "user", "content": f"What does this mean? {FORGED}"}]},
    {"reasoning_effort": FORGED.upper()},
]


@pytest.mark.parametrize("request_body", QUOTES)
@pytest.mark.parametrize("escaped", [False, True])
def test_words_that_stand_in_the_request_are_not_believed(request_body: Any, escaped: bool) -> None:
    sent = json.dumps(request_body).encode()
    if escaped:
        sent = sent.replace(b"maximum", b"\\u006daximum").replace(b"MAXIMUM", b"\\u004dAXIMUM")
    answer = json.dumps(said(f"{FORGED} is not a valid value")).encode()
    assert read_refusal(400, answer, sent) is None
    coded = json.dumps(said(FORGED, code="context_length_exceeded")).encode()
    assert read_refusal(400, coded, sent) == TooLong(None, None)


@pytest.mark.parametrize("digits", [12, 400, 5000])
def test_a_number_of_many_places_is_none(digits: int) -> None:
    found = read_refusal(
        400, json.dumps(said(f"This model's maximum context length is {'9' * digits} tokens.")).encode()
    )
    assert found is not None
    assert found.window is None or found.window < 10**12


@pytest.mark.parametrize(
    "piece", ["prompt ", "context length exceeded ", "input (", "the ", "a" * 50, "[[", '{"']
)
def test_what_repeats_itself_can_be_read(piece: str) -> None:
    for wrapped in ((piece * 8000)[:8000], json.dumps(said((piece * 8000)[:7000]))):
        read_refusal(400, wrapped.encode(), (piece * 8000).encode())


@given(
    st.sampled_from([200, 400, 413, 422, 500]),
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["error", "errors", "message", "code", "detail", "metadata", "raw"]), x
            )
        ),
    ),
)
def test_any_answer_can_be_read(status: int, answer: Any) -> None:
    found = read_refusal(status, json.dumps(answer).encode())
    assert found is None or (found.window or 1) > 0
