"""How providers word that a prompt is too long."""

from __future__ import annotations

import re

# An error's code or type that says it by itself.
CODES = frozenset(
    {
        "context_length_exceeded", "exceed_context_size_error", "context_exceeded", "context_window_exceeded",
        "context_limit_exceeded", "max_context_length_exceeded", "model_max_prompt_tokens_exceeded", "prompt_too_long",
        "input_too_long", "tokens_limit_reached", "request_too_large", "contextwindowexceedederror", "1261", "5021",
    }
)  # fmt: skip

_NUMBER = r"(\d[\d,_]{0,11})(?![\d,_]*\d)"
_BETWEEN = r"[^.'\"`]{0,90}?"
_SUBJECT = (
    r"(?:(?:your|the|this|total|estimated|requested|decoder|current|number of) )*"
    r"(?:inputs?|prompts?|requests?|messages?|conversation|context|tokens?)\b"
)
_EXCEEDS = r"(?:exceed(?:s|ed)?|cannot exceed|longer than|larger than|more than|too large)"
_OBJECT = r"(?:context|tokens?|max(?:imum)?|limit|length|window|model)\b"
# What a message can be about beside a prompt's length.
OTHER = re.compile(
    r"per[ -](?:minute|day|second)|\b[tr]p[md]\b|rate limit|quota|time[ d]?-?(?:out|limit)|\bimages?\b|\bcredits?\b"
    r"|\bbalance\b|\bspend|concurren|\btools?\b|\bfunctions?\b",
    re.IGNORECASE,
)
# What gateways write ahead of a provider's own words.
WRAPPER = re.compile(
    r"(?:litellm\.)?[\w.]*(?:error|exception)(?: -|:) |error code: \d+ - |invalid (?:request|params?|argument)[:,] "
    r"|input validation error: |unable to submit request because |bad request: |provider returned error[:,]? ",
    re.IGNORECASE,
)
# How a message begins that says so, whole sentences of each provider.
OPENINGS = re.compile(
    "|".join(
        (
            r"this (?:model|endpoint)'s maximum (?:context|prompt) length is",
            r"'?max_(?:completion_)?tokens'?(?: or 'max_completion_tokens')? is too large: \d+\. this model's maximum",
            rf"{_SUBJECT}{_BETWEEN}\b{_EXCEEDS}\b{_BETWEEN}{_OBJECT}",
            rf"{_SUBJECT}{_BETWEEN}\btoo long\b",
            r"(?:max(?:imum)? )?context (?:length|window|size|limit)[^.'\"`]{0,30}exceed(?:s|ed)\b",
            r"too many (?:input |prompt )?tokens\b",
            r"please reduce the length of (?:the|your) (?:messages|prompt|input)",
            r"range of input length should be",
            rf"prompt is {_NUMBER} tokens,? but the model",
            rf"the input token count is {_NUMBER} but",
            r"input length and `max_tokens` exceed context limit",
            r"`inputs` (?:tokens \+ `max_new_tokens` must be|must have less)",
            r"trying to keep the first \d+ tokens when context the overflows",
            r"(?:输入|提示词?|上下文|请求)[^。]{0,20}(?:超过|超出|过长|太长)",
            r"(?:入力|プロンプト|コンテキスト)[^。]{0,20}(?:超え|超過|長すぎ)",
        )
    ),
    re.IGNORECASE,
)
# The window, as OpenAI, Azure and vLLM; llama.cpp; Anthropic; Gemini; Mistral; TGI; LM Studio; xAI;
# Kimi; DashScope; Vertex; Copilot; Cloudflare; Cerebras; Cohere; GitHub; and Chinese providers put it.
WINDOW = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"maximum (?:allowed )?(?:context|input) length(?: is| of|:)? ?\(?{_NUMBER}",
        rf"tokens > {_NUMBER} maximum",
        rf"context limit: [\d,]+ \+ [\d,]+ > {_NUMBER}",
        rf"tokens allowed \(?{_NUMBER}",
        rf"with {_NUMBER} maximum context",
        rf"must be <= {_NUMBER}",
        rf"context (?:length|window|size)(?: limit)? (?:of|is) (?:only )?\(?{_NUMBER}",
        rf"context (?:length|window|size)(?: limit)? \({_NUMBER}",
        rf"maximum model length of {_NUMBER}",
        rf"(?:configured |the )limit of {_NUMBER}",
        rf"must have less than {_NUMBER} tokens",
        rf"maximum prompt length is {_NUMBER}",
        rf"model token limit: {_NUMBER}",
        rf"should be \[\d+, ?{_NUMBER}\]",
        rf"supports up to {_NUMBER}",
        rf"limit is {_NUMBER}",
        rf"cannot exceed {_NUMBER}",
        rf"max size: {_NUMBER} tokens",
        rf"(?:限制|上限|最大)\D{{0,8}}{_NUMBER}",
    )
]
# The prompt as it was counted there.
PROMPT = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"messages resulted in {_NUMBER} tokens",
        rf"\({_NUMBER} in the messages",
        rf"request has {_NUMBER} input tokens",
        rf"prompt is too long: {_NUMBER}",
        rf"context limit: {_NUMBER} \+",
        rf"input token count (?:is )?\(?{_NUMBER}",
        rf"prompt token count of {_NUMBER}",
        rf"prompt contains (?:at least )?{_NUMBER} (?:input )?tokens",
        rf"prompt (?:is|tokens) \(?{_NUMBER}",
        rf"given: {_NUMBER}",
        rf"\({_NUMBER} of text input",
        rf"(?:input|request) \({_NUMBER} tokens\)",
        rf"input length \(?{_NUMBER}",
        rf"keep the first {_NUMBER} tokens",
        rf"prompt \(length {_NUMBER}\)",
        rf"request contains {_NUMBER} tokens",
        rf"requested: {_NUMBER}\)",
        rf"current length is {_NUMBER}",
        rf"received {_NUMBER}",
        rf"{_NUMBER} tokens from the input messages",
    )
]
