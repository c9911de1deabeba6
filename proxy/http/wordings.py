"""How providers word that a prompt is too long."""

from __future__ import annotations

import re

# An error's code or type that says it by itself.
CODES = frozenset(
    {
        "exceed_context_size_error", "model_max_prompt_tokens_exceeded", "tokens_limit_reached", "request_too_large",
        "tokens_too_long", "outofcontexterror", "1261", "5021", "336007", "10907",
    }
)  # fmt: skip
# And what such a code is made of, however it is spelled: CONTEXT_LENGTH_EXCEEDED, prompt-too-long,
# InputTooLong.
CODE = re.compile(
    r"(?:(?:err|error|model|max(?:imum)?)[_ .-]?)?(?:context|prompt|input|chat)[_ .-]?"
    r"(?:(?:length|window|size|limit|tokens?|text)[_ .-]?){0,2}(?:is[_ .-]?)?"
    r"(?:too[_ .-]?(?:long|large)|(?:limit[_ .-]?)?exceeded|(?:will[_ .-]?)?overflow(?:ed)?)"
    r"(?:[_ .-]?(?:error|exception))?"
    r"|exceeded[_ .-]?(?:model[_ .-]?|max[_ .-]?)?context[_ .-]?(?:length|window|size|limit)(?:[_ .-]?size)?",
    re.IGNORECASE,
)

_NUMBER = r"(\d[\d,_]{0,11})(?![\d,_]*\d)"
_BETWEEN = r"(?:[^.'\"`]|'s\b|\.\d){0,90}?"
_SUBJECT = (
    r"(?:(?:your|the|this|an?|total|sum|supplied|provided|estimated|requested|decoder|engine|current|combined"
    r"|number|length|size|of) )*"
    r"(?:inputs?|prompts?|requests?|messages?|conversation|chat history|context|tokens?|(?:prompt|input)_tokens)\b"
)
_EXCEEDS = (
    r"(?:exceed(?:s|ed|ing)?|(?<!must be )(?<!should be )(?:longer|larger|greater|more) than|too large"
    r"|must be (?:no more|less) than|should be less than)"
)
# What only a prompt's length is measured against.
_WINDOW = (
    r"(?:context[ _-](?:length|window|size|limit)|max_(?:seq|model|num|prompt|input)\w*|session_len|n_ctx|kv size"
    r"|(?:input|prompt|context) (?:length|limit|tokens?)|tokens? (?:allowed|limit)|number of (?:input )?tokens"
    r"|model token limit)\b"
)
_OBJECT = r"(?:context|tokens?|max(?:imum)?|limit|length|window|model)\b"
# What is limited by the time or the account, however the limit is worded.
RATES = re.compile(
    r"(?:per|a|an)[ -](?:minute|day|second|hour|month)|\b[tr]p[md]\b|\brate|quota|\bdaily\b|\bmonthly\b|this month"
    r"|\bcredits?\b|\bbalance\b|\bspend|concurren|频率|速率|并发|配额|余额|每分钟|每天",
    re.IGNORECASE,
)
# What a message can be about beside a prompt's length.
OTHER = re.compile(
    r"\btime[ d]?-?(?:out|limit)|\b(?:execution|maximum|processing) time|\btook\b|\bseconds?\b|\bminutes?\b|\bhours?\b"
    r"|\bimages?\b|\baudio\b|\bvideos?\b|\bfiles?\b|\bpages?\b|\bpdfs?\b|\btools?\b|\bfunctions?\b|\bnames?\b|\bids?\b"
    r"|\bidentifiers?\b|\bkeys?\b|\btitles?\b|\blabels?\b|\bheaders?\b|\bur[il]s?\b|\bmetadata\b|\blogit|\bstop\b"
    r"|\bschemas?\b|\bdescriptions?\b|\bbytes?\b|\brequires?\b|\bminimum\b|\barrays?\b|\bprompt template\b"
    r"|\bnumber of (?:\d+ )?(?:messages|inputs|requests|choices)\b|\bauth"
    r"|\b(?:provided|supplied) token (?:is|exceeds)\b"
    r"|\bsafety\b|\bpolicy\b|\bmaximum budget\b|图片|图像|音频|视频|文件|时间",
    re.IGNORECASE,
)
# What gateways and services write ahead of a provider's own words.
WRAPPER = re.compile(
    r"(?:[\w.-]+ ){0,2}?(?:litellm\.)?[\w.-]*(?:error|exception)(?: -|:) |(?:context window error|error code: \d+) - "
    r"|(?:[45]\d\d )?<\d{3}> [\w.]+: |error from [\w -]{1,40}: |\[[\w ./:=,-]{1,60}\] |[45]\d\d(?: bad request)?[:,-] ?"
    r"|invalid (?:request|params?|argument)[:,] |invalid input argument for model '[^']{0,200}': "
    r"|input validation error: |unable to submit request because |bad request: |provider returned error[:,]? "
    r"|the model returned the following errors?: |malformed input request: |b?['\"]"
    r"|an error occurred \(\w+\) when calling the \w+ operation(?: \(reached max retries: \d+\))?: "
    r"|mediapipe execution failed\. mp status - \w+: "
    r"|in ensemble '[^']{0,80}', executor failed process requestid \d+ due to the following error: "
    r"|encountered an error in \w+ function: "
    r"|received (?:client|server) error \(\d+\) from [\w-]+ with message ",
    re.IGNORECASE,
)
# How a message begins that says so whatever else it speaks of, whole sentences of each provider.
OPENINGS = re.compile(
    "|".join(
        (
            r"(?:this (?:model|endpoint)'s|requested) maximum (?:context|prompt) length is \(?\d",
            r"'?max_(?:completion_)?tokens'?(?: or 'max_completion_tokens')? is too large: \d+\. this model's maximum",
            rf"{_SUBJECT}{_BETWEEN}\b{_EXCEEDS}\b{_BETWEEN}\b{_WINDOW}",
            rf"{_SUBJECT}{_BETWEEN}\btokens?\b{_BETWEEN}\b{_EXCEEDS} {_NUMBER}",
            r"(?:max(?:imum)? )?context (?:length|window|size|limit)[^.'\"`]{0,30}exceed(?:s|ed)\b",
            r"exceed(?:s|ed|ing)? (?:the )?(?:model'?s )?max(?:imum)? (?:context|prompt|input)",
            r"exceed(?:s|ed|ing)? (?:the )?(?:available |model'?s? )*context (?:length|window|size)",
            r"(?:prompt )?max(?:imum)? tokens of \d+ exceeded",
            rf"(?:the )?prompt has {_NUMBER} tokens,? but the configured context size is \d",
            rf"max input tokens for this model is {_NUMBER} but received \d",
            rf"max_total_tokens \({_NUMBER}\) must be less than (?:or equal to )?max_seq_len",
            rf"context length is only {_NUMBER} tokens",
            r"the input token count is out of range",
            r"(?:prompt has )?too many (?:input |prompt )?tokens\b(?! in )",
            r"please reduce the length of (?:the|your) (?:messages|prompt|input)",
            r"range of input length should be",
            rf"prompt is {_NUMBER} tokens,? but the model",
            rf"the input token count is {_NUMBER} but",
            r"input length and `max_tokens` exceed context limit",
            r"`?inputs`? (?:tokens \+ `?max_new_tokens`? must be|must have less)",
            r"you passed \d+ input (?:tokens|characters) and requested",
            r"default_max_tokens \(-?\d+\) must be greater than 0, default_max_tokens .{0,20}max_seq_len",
            r"prompt sequence length is greater than \d",
            r"number of (?:prompt|input) tokens:? \(?\d+\)? exceeds",
            r"total tokens of image and text exceed",
            r"(?:the )?(?:input )?prompt (?:is|was) too big\b",
            r"trying to keep the first \d+ tokens when context the overflows",
            r"the number of tokens to keep from the initial prompt is greater",
            r"cannot truncate prompt with n_keep",
            r"reached context length of \d",
        )
    ),
    re.IGNORECASE,
)
# And how one begins that may speak of something else that is too long.
LIKELY = re.compile(
    "|".join(
        (
            rf"{_SUBJECT}{_BETWEEN}\b{_EXCEEDS}\b{_BETWEEN}\b{_OBJECT}",
            rf"{_SUBJECT}{_BETWEEN}\btoo long\b",
            r"(?:[您你]的?)?(?:当前|本次)?(?:输入|提示词?|上下文|请求|对话|会话|消息|内容|prompt|tokens? ?)"
            r"[^。]{0,20}(?:超过|超出|超长|过长|太长)",
            r"(?:入力|プロンプト|コンテキスト|トークン)[^。]{0,20}(?:超え|超過|長すぎ)",
            r"(?:입력|프롬프트|컨텍스트|토큰|메시지)[^.]{0,30}(?:초과|너무 (?:길|깁|긴))",
        )
    ),
    re.IGNORECASE,
)
_NO_ANSWER = r"(?! (?:output|completion|generated))"
# The window, as OpenAI, Azure and vLLM; llama.cpp; Anthropic; Gemini; Mistral; TGI; LM Studio; xAI;
# Kimi; DashScope; Vertex; Copilot; Cloudflare; Cerebras; Cohere; GitHub; Bedrock; and Chinese providers
# put it.
WINDOW = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\(\d[\d,_]{{0,11}} ?> ?{_NUMBER}\)",
        rf"context length is (?:only )?{_NUMBER}",
        rf"maximum (?:allowed )?(?:context|input) length(?: is| of|:)? ?\(?{_NUMBER}",
        rf"tokens > {_NUMBER}",
        rf"context limit: [\d,]+ \+ [\d,]+ > {_NUMBER}",
        rf"tokens allowed(?: is)? \(?{_NUMBER}",
        rf"exceeds? model limit \({_NUMBER} tokens\)",
        rf"sequence length is greater than {_NUMBER}",
        rf"with {_NUMBER} maximum context",
        rf"must be <= {_NUMBER}",
        rf"context (?:length|window|size)(?: limit)? (?:of|is) (?:only )?\(?{_NUMBER}",
        rf"context (?:length|window|size)(?: limit)? \({_NUMBER}",
        rf"\(context length:? {_NUMBER}\)",
        rf"maximum model length of {_NUMBER}",
        rf"must have less than {_NUMBER} tokens",
        rf"(?:no more|less) than {_NUMBER} tokens",
        rf"be no more than {_NUMBER}",
        rf"maximum prompt length is {_NUMBER}",
        rf"model token limit: {_NUMBER}",
        rf"should be \[\d+, ?{_NUMBER}\]",
        rf"supports up to {_NUMBER}",
        rf"limit(?: for this model)? is {_NUMBER}",
        rf"\blimit of {_NUMBER}{_NO_ANSWER}",
        rf"cannot exceed (?:the total tokens limit )?{_NUMBER}",
        rf"max size: {_NUMBER} tokens",
        rf"max(?:imum)? input tokens(?: for this model)?(?: is|:)? {_NUMBER}",
        rf"max(?:imum)?(?: allowed)?(?: tokens? size| length:?| of| is) \(?{_NUMBER}{_NO_ANSWER}",
        rf"max(?:imum)? tokens of {_NUMBER}",
        rf"max_(?:seq|model|num|prompt|input)\w*:? \(?{_NUMBER}",
        rf"(?:session_len|n_ctx):? \(?{_NUMBER}",
        rf"(?:限制|上限|最大)\D{{0,8}}{_NUMBER}",
    )
]
# The prompt as it was counted there.
PROMPT = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"messages resulted in {_NUMBER} tokens",
        rf"\({_NUMBER} in (?:the|your) (?:messages|prompt)",
        rf"prompt has {_NUMBER} tokens",
        rf"request has {_NUMBER} input tokens",
        rf"you passed {_NUMBER} input tokens",
        rf"too long: {_NUMBER}",
        rf"context limit: {_NUMBER} \+",
        rf"input token count(?: is|:)? \(?{_NUMBER}",
        rf"prompt token count (?:of )?\(?{_NUMBER}",
        rf"prompt contains (?:at least )?{_NUMBER} (?:input )?tokens",
        rf"prompt (?:is|tokens:?) \(?{_NUMBER}",
        rf"prompt_len \({_NUMBER}",
        rf"tokens in (?:your|the) prompt \({_NUMBER}",
        rf"requested {_NUMBER} tokens in the messages",
        rf"\({_NUMBER} ?> ?\d[\d,_]*\)",
        rf"(?:input|prompt)[_ ]tokens \(?{_NUMBER}",
        rf"requested tokens \({_NUMBER}\)",
        rf"given: {_NUMBER}",
        rf"\({_NUMBER} of text input",
        rf"(?:input|prompt|request) \({_NUMBER} tokens\)",
        rf"prompt length:? \(?{_NUMBER}",
        rf"length {_NUMBER} (?:exceeds|is greater)",
        rf"(?<!maximum )(?<!allowed )input length:? \(?{_NUMBER}",
        rf"keep the first {_NUMBER} tokens",
        rf"n_keep:? \(?{_NUMBER}",
        rf"prompt \((?:total )?length {_NUMBER}\)",
        rf"request contains {_NUMBER} tokens",
        rf"requested: {_NUMBER}\)",
        rf"current length is {_NUMBER}",
        rf"received {_NUMBER}",
        rf"{_NUMBER} tokens from the input messages",
        rf"\bgot {_NUMBER}",
    )
]
