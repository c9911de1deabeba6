"""litellm: chat completions from every provider that litellm speaks to, in OpenAI's shape.

Keys: the configured one; else those that litellm finds in the provider's usual environment variables;
else the caller's own. A variable outranks the caller because the caller's SDK must send some key,
mostly a made-up one, which nothing tells from a real one. With a key configured or in a variable,
whoever reaches the proxy spends it.

The body is not trusted: PARAMETERS alone reach litellm, whose other arguments choose hosts, files, keys
and callbacks. What else a body holds is ignored, and so is a parameter that the provider does not know,
since clients built for OpenAI send them to any model.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any

import orjson

from foveate.proxy.errors import RequestError, UpstreamError
from foveate.proxy.http.headers import Headers
from foveate.proxy.upstreams import UpstreamRequest, UpstreamResponse

SERVED = "/v1/chat/completions"
MODELS = "/v1/models"

# OpenAI's API reference, "Create chat completion", less `metadata`, which steers litellm's own logging;
# then what other providers take that touches nothing but the answer.
PARAMETERS = frozenset(
    {
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
        "max_tokens", "messages", "modalities", "model", "n", "parallel_tool_calls", "prediction", "presence_penalty",
        "prompt_cache_key", "prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier",
        "seed", "service_tier", "stop", "store", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user",
        "verbosity", "web_search_options",
        "min_p", "repetition_penalty", "safety_settings", "thinking", "top_k",
    }
)  # fmt: skip

# A model is a name and never an address: some providers build a URL of it.
MODEL = re.compile(r"(?!.*(?://|\.\.))[\w.:/@+ -]{1,256}", re.ASCII)

# In places litellm resolves a value with this prefix to the environment variable it names.
KEY = re.compile(r"(?!os\.environ/)[!-~]{1,4096}")

# Where a provider's variable is not <PROVIDER>_API_KEY, and litellm's provider lookup does not return
# its value.
VARIABLES = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "azure": ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_AD_TOKEN"),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "cohere_chat": ("COHERE_API_KEY", "CO_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "huggingface": ("HUGGINGFACE_API_KEY", "HF_TOKEN"),
    "watsonx": ("WATSONX_API_KEY", "WATSONX_APIKEY", "WATSONX_TOKEN"),
}
# These sign with the machine's own cloud credentials, which a caller's made-up key would displace.
CLOUDS = frozenset({"bedrock", "sagemaker", "sagemaker_chat", "vertex_ai", "vertex_ai_beta"})
# These wait for someone to sign in at the machine's terminal, or load the model into this process.
LOCAL = frozenset({"chatgpt", "github_copilot", "petals"})
NO_KEY = "fake-api-key"  # what litellm itself fills in for servers that need none

# By litellm's class names, the most telling first: status (0: the error's own), OpenAI's error type and
# code.
TOO_LONG = "context_length_exceeded"
ERRORS = {
    "ContextWindowExceededError": (400, "invalid_request_error", TOO_LONG),
    "ContentPolicyViolationError": (400, "invalid_request_error", "content_policy_violation"),
    "AuthenticationError": (401, "invalid_request_error", "invalid_api_key"),
    "PermissionDeniedError": (403, "invalid_request_error", "permission_denied"),
    "NotFoundError": (404, "invalid_request_error", "model_not_found"),
    "RateLimitError": (429, "rate_limit_error", "rate_limit_exceeded"),
    "BadRequestError": (0, "invalid_request_error", ""),
    "UnprocessableEntityError": (0, "invalid_request_error", ""),
}
ASKS_FOR_KEY = re.compile(r"(?i)\bapi.?key|credential")
TRANSPORTS = frozenset({"aiohttp", "httpcore", "httpx"})
SECRETS = re.compile(r"\b(?:(?:sk|gsk|xai|pplx|nvapi|hf|r8)[-_]|AIza|AKIA|Bearer\s+)[\w*.-]{4,}[\w*-]")
REDACTED = "[redacted]"


class LiteLLM:
    """An upstream that is litellm's `acompletion`, imported when it is first needed."""

    def __init__(
        self,
        api_key: str = "",
        read_timeout: float = 600,
        api_base: str = "",
        defaults: Mapping[str, object] | None = None,
    ) -> None:
        """Take the address of every call (`api_base`, else the provider's own) and arguments of
        litellm's to add.
        """
        self._api_key = api_key
        self._litellm: ModuleType | None = None
        # A failed call goes back to the caller, whose SDK tries again itself.
        self._fixed: dict[str, object] = {
            "timeout": read_timeout,
            "max_retries": 0,
            "drop_params": True,
            "_skip_mcp_handler": True,
        }
        if api_base:
            self._fixed["api_base"] = api_base
        self._fixed.update(defaults or {})

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Return litellm's answer, or its refusal as the provider gave it; UpstreamError where none
        answered.
        """
        route = (request.method, request.path.partition("?")[0])
        if route == ("GET", MODELS):
            return _answer(200, {"object": "list", "data": []})
        if route != ("POST", SERVED):
            told = f"{request.method} {route[1]} is not served by the litellm upstream; it serves POST {SERVED}"
            return _refusal(RequestError(404, told))
        try:
            body = parse(await _read(request.body))
        except RequestError as error:
            return _refusal(error)
        return await self._complete(body, bearer(request.headers))

    async def aclose(self) -> None:
        """Close the connections that litellm keeps."""
        if self._litellm is not None:
            await self._litellm.close_litellm_async_clients()
            # It would hand out the closed clients again.
            self._litellm.in_memory_llm_clients_cache.flush_cache()

    async def _complete(self, body: dict[str, Any], caller_key: str) -> UpstreamResponse:
        if self._litellm is None:
            self._litellm = await asyncio.to_thread(load_litellm)
        litellm, key = self._litellm, self._api_key
        # Every exception of litellm's derives from the openai client's.
        errors: type[Exception] = litellm.exceptions.openai.OpenAIError
        try:
            own = "" if key else own_key(litellm, body["model"])
            key = key or own or caller_key
            # litellm finds its own again, and knows how each kind is sent.
            given = {"api_key": key} if key and not own else {}
            found = await litellm.acompletion(**body, **self._fixed, **given)
            if not body["stream"]:
                return _answer(200, shaped(found.model_dump(exclude_none=True)))
            return await _streamed(found, errors, key)
        except errors as raised:
            error = unwrapped(raised)
            told = _explain(error, key)
            if isinstance(told, UpstreamError):
                raise told from None
            if not key and ASKS_FOR_KEY.search(str(told)):
                told = no_key(litellm, body["model"])
            return _refusal(told, retry_after(error))


def load_litellm() -> ModuleType:
    """Import litellm, quiet and without the network. Takes seconds: call it from a thread."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"
    # Otherwise it reads a .env file of the working folder into this process's environment.
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    import litellm

    # What fails comes back as an exception; log lines quote requests, and addresses that hold keys.
    for name in ("LiteLLM", "litellm"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in ("httpcore", "httpx", "openai"):
        logging.getLogger(name).setLevel(logging.WARNING)
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.disable_hf_tokenizer_download = True
    module: ModuleType = litellm
    return module


def parse(raw: bytes) -> dict[str, Any]:
    """Return the arguments that a request body may set; RequestError where it is no chat completion."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise RequestError(400, f"the body is a JSON {type(body).__name__}; it must be an object")
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str) or not MODEL.fullmatch(model):
        raise RequestError(
            400, f"model is {model!r:.80}; name one as litellm does: anthropic/claude-sonnet-4-5"
        )
    if (provider := model.partition("/")[0].lower()) in LOCAL:
        raise RequestError(
            400, f"model is {model}; the provider {provider} is not served, as it needs this machine"
        )
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise RequestError(400, "messages must be a list of one or more objects")
    call = {name: value for name, value in body.items() if name in PARAMETERS and value is not None}
    call["stream"] = body.get("stream") is True
    if call["stream"] and isinstance(body.get("stream_options"), dict):
        call["stream_options"] = {"include_usage": body["stream_options"].get("include_usage") is True}
    return call


async def _read(body: bytes | AsyncIterator[bytes]) -> bytes:
    """Return a whole request body."""
    return body if isinstance(body, bytes) else b"".join([piece async for piece in body])


def bearer(headers: Headers) -> str:
    """Return the key that the caller sent, empty where it cannot be one."""
    given = dict(headers).get(b"authorization", b"").decode("latin-1")
    scheme, _, key = given.partition(" ")
    return key.strip() if scheme.lower() == "bearer" and KEY.fullmatch(key.strip()) else ""


def own_key(litellm: ModuleType, model: str) -> str:
    """Return the key that litellm finds for the provider of `model` by itself, empty where it finds
    none.
    """
    _, provider, found, _ = litellm.get_llm_provider(model)
    if provider in CLOUDS:
        return NO_KEY
    names = VARIABLES.get(provider, (f"{provider.upper()}_API_KEY",))
    keys = (found if found != NO_KEY else "", *(litellm.get_secret(name) for name in names))
    return next((str(key) for key in keys if key), "")


def no_key(litellm: ModuleType, model: str) -> RequestError:
    """Return the refusal of a request for which there is no key at all; litellm's own has a different
    status each.
    """
    missing = [
        n for n in litellm.validate_environment(model)["missing_keys"] if n.endswith(("_KEY", "_TOKEN"))
    ]
    variables = " or ".join(missing) or "its variable"
    told = f"no key for {model}: send one as `Authorization: Bearer`, or set {variables} where the proxy runs"
    return RequestError(401, told, code="invalid_api_key")


async def _streamed(chunks: Any, errors: type[Exception], key: str) -> UpstreamResponse:
    """Return litellm's stream as an event stream, once its first chunk is there.

    litellm asks some providers only when the first chunk is read, so only then is the status known.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(chunks.aclose)
        first = await anext(chunks, None)
        stack.pop_all()
    return UpstreamResponse(
        200,
        [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")],
        _events(first, chunks, errors, key),
        chunks.aclose,
    )


async def _events(first: Any, chunks: Any, errors: type[Exception], key: str) -> AsyncIterator[bytes]:
    """Yield one event for each chunk, then the end; an error is the last event and leaves out the end."""
    try:
        if first is not None:
            yield event(orjson.dumps(shaped(first.model_dump(exclude_none=True))))
        async for chunk in chunks:
            yield event(orjson.dumps(shaped(chunk.model_dump(exclude_none=True))))
        yield event(b"[DONE]")
    except errors as error:
        yield event(_explain(unwrapped(error), key).body())


def event(data: bytes) -> bytes:
    """Return one server-sent event."""
    return b"data: " + data + b"\n\n"


def shaped(found: dict[str, Any]) -> dict[str, Any]:
    """Return litellm's dump with the nulls that OpenAI always sends, which leaving out the other nulls
    took along.
    """
    if "usage" in found and not any(
        c.get("delta", True) or c.get("finish_reason") for c in found.get("choices", [])
    ):
        found["choices"] = []  # the chunk that only tells the usage
    for choice in found.get("choices", []):
        choice.setdefault("finish_reason", None)
        if "message" in choice:
            choice["message"].setdefault("content", None)
    return found


def unwrapped(error: Exception) -> Exception:
    """Return what broke a stream, which litellm raises inside an error for its own router."""
    inner = getattr(error, "original_exception", None)
    return inner if isinstance(inner, Exception) else error


def _explain(error: Exception, key: str) -> RequestError:
    """Return litellm's error with OpenAI's status, type and code, without keys or a traceback.

    An UpstreamError where the provider did not answer, as the http upstream has it.
    """
    text = re.sub(
        r"^(?:litellm\.\w+: )+", "", str(error).partition("Traceback (most recent call last)")[0]
    ).strip()
    text = SECRETS.sub(REDACTED, text.replace(key, REDACTED) if key else text)
    names = [cls.__name__ for cls in type(error).__mro__]
    own = getattr(error, "status_code", 0)
    if "Timeout" in names:
        return UpstreamError(504, text, "upstream_timeout")
    if unreached(error) and own not in range(400, 500):
        return UpstreamError(502, text, "upstream_unreachable")
    if "APIConnectionError" in names:
        # litellm's name for any fault of its own while it turns the request into the provider's shape.
        return RequestError(400, f"litellm cannot send this request: {text}")
    status, kind, code = next(
        (ERRORS[name] for name in names if name in ERRORS), (0, "upstream_error", "")
    )
    if code != TOO_LONG:
        kind, code = said(error, "type") or kind, said(error, "code") or code
    return RequestError(status or (own if own in range(400, 600) else 502), text, kind, code)


def said(error: Exception, field: str) -> str:
    """Return a field of the error object that the provider sent, where it is a word."""
    body = getattr(error, "body", None)
    value = body.get(field) if isinstance(body, dict) else None
    return (
        value if isinstance(value, str) and re.fullmatch(r"[a-zA-Z]\w{2,63}", value, re.ASCII) else ""
    )


def unreached(error: BaseException) -> bool:
    """Return whether `error` began with a connection that failed, and not with a provider's answer."""
    causes = []
    at: BaseException | None = error
    while at is not None and at not in causes:
        causes.append(at)
        at = at.__cause__ or at.__context__
    if any(type(cause).__name__ == "HTTPStatusError" for cause in causes):
        return False
    return any(
        isinstance(c, OSError) or type(c).__module__.partition(".")[0] in TRANSPORTS for c in causes
    )


def retry_after(error: Exception) -> Headers:
    """Return the provider's word on when to try again, if it gave one."""
    value = (getattr(error, "litellm_response_headers", None) or {}).get("retry-after")
    return [(b"retry-after", str(value).encode("latin-1", "ignore"))] if value else []


def _refusal(error: RequestError, headers: Headers | None = None) -> UpstreamResponse:
    """Return an error as an answer."""
    return _whole(error.status, error.body(), headers or [])


def _answer(status: int, found: dict[str, Any]) -> UpstreamResponse:
    """Return JSON as an answer."""
    return _whole(status, orjson.dumps(found), [])


def _whole(status: int, body: bytes, headers: Headers) -> UpstreamResponse:
    """Return an answer that is already complete."""

    async def once() -> AsyncIterator[bytes]:
        yield body

    length = (b"content-length", str(len(body)).encode())
    return UpstreamResponse(status, [(b"content-type", b"application/json"), length, *headers], once())
