"""What a request may ask of litellm, on each API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import orjson

from foveate.proxy.errors import RequestError

# OpenAI's API reference, "Create chat completion", less `metadata`, which steers litellm's own logging;
# then what other providers take that touches nothing but the answer.
CHAT = frozenset(
    {
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
        "max_tokens", "messages", "modalities", "model", "n", "parallel_tool_calls", "prediction", "presence_penalty",
        "prompt_cache_key", "prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier",
        "seed", "service_tier", "stop", "store", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user",
        "verbosity", "web_search_options",
        "min_p", "repetition_penalty", "safety_settings", "thinking", "top_k",
    }
)  # fmt: skip
# OpenAI's API reference, "Create a model response", less `metadata` and what is answered later.
RESPONSES = frozenset(
    {
        "include", "input", "instructions", "max_output_tokens", "max_tool_calls", "model", "parallel_tool_calls",
        "previous_response_id", "prompt_cache_key", "prompt_cache_retention", "reasoning", "safety_identifier",
        "service_tier", "store", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation",
        "user",
    }
)  # fmt: skip
# Anthropic's API reference, "Create a Message", less `metadata` and the servers that a body may name.
MESSAGES = frozenset(
    {
        "context_management", "max_tokens", "messages", "model", "output_config", "output_format", "service_tier",
        "stop_sequences", "system", "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p",
    }
)  # fmt: skip

# A model is a name and never an address: some providers build a URL of it.
MODEL = re.compile(r"(?!.*(?://|\.\.))[\w.:/@+ -]{1,256}", re.ASCII)
# These wait for someone to sign in at the machine's terminal, or load the model into this process.
LOCAL = frozenset({"chatgpt", "github_copilot", "petals"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How an API is called through litellm."""

    name: str  # of the wire format
    parameters: frozenset[str]
    history: str  # the parameter that holds it
    function: Callable[[ModuleType], Callable[..., Any]]
    ending: bytes = b""  # of a stream
    named_events: bool = True  # each says its type ahead of its data

    def error_event(self, body: bytes) -> bytes:
        """Return the event of an error with that body."""
        return (b"event: error\n" if self.named_events else b"") + b"data: " + body + b"\n\n"


ENDPOINTS: Mapping[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint(
            "chat",
            CHAT,
            "messages",
            lambda litellm: litellm.acompletion,
            b"data: [DONE]\n\n",
            named_events=False,
        ),
        Endpoint("responses", RESPONSES, "input", lambda litellm: litellm.aresponses),
        Endpoint("messages", MESSAGES, "messages", lambda litellm: litellm.anthropic.messages.acreate),
    )
}


def arguments(endpoint: Endpoint, raw: bytes) -> dict[str, Any]:
    """Return the arguments that a request body may set; RequestError where it is no request of the
    API.
    """
    body = parsed(raw)
    check_model(body.get("model"))
    check_history(endpoint, body)
    given = {n: value for n, value in body.items() if n in endpoint.parameters and value is not None}
    given["stream"] = body.get("stream") is True
    options = body.get("stream_options")
    if endpoint.name == "chat" and given["stream"] and isinstance(options, dict):
        given["stream_options"] = {"include_usage": options.get("include_usage") is True}
    return given


def parsed(raw: bytes) -> dict[str, Any]:
    """Return a body as an object; RequestError where it is none."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise RequestError(400, f"the body is a JSON {type(body).__name__}; it must be an object")
    return body


def check_model(model: object) -> None:
    """RequestError where `model` is no name, or names a provider that needs this machine."""
    if not isinstance(model, str) or not MODEL.fullmatch(model):
        raise RequestError(
            400, f"model is {model!r:.80}; name one as litellm does: anthropic/claude-sonnet-4-5"
        )
    provider = model.partition("/")[0].lower()
    if provider in LOCAL:
        raise RequestError(
            400, f"model is {model}; the provider {provider} is not served, as it needs this machine"
        )


def check_history(endpoint: Endpoint, body: Mapping[str, Any]) -> None:
    """RequestError where a body's history is none, or kept where litellm does not look for it."""
    history = body.get(endpoint.history)
    if endpoint.name == "responses" and body.get("conversation") is not None:
        raise RequestError(
            400, "conversation is not served by the litellm upstream: send the history as input"
        )
    if endpoint.name == "responses" and isinstance(history, str) and history:
        return
    if not isinstance(history, list) or not history or not all(isinstance(m, dict) for m in history):
        raise RequestError(400, f"{endpoint.history} must be a list of one or more objects")
    if endpoint.name == "messages" and not isinstance(body.get("max_tokens"), int):
        raise RequestError(400, "max_tokens: Field required")
