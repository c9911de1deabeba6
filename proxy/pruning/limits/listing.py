"""What an upstream says of its models' windows: its list of models, and where some servers tell it
besides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson

from foveate.proxy.errors import UpstreamError
from foveate.proxy.upstreams import Upstream, UpstreamRequest

Credentials = Sequence[tuple[bytes, bytes]]
# Where servers tell a model's window, lower case and without underscores, and what they put around it.
# Never the names of an answer's limit.
LISTED_AS = frozenset(
    {
        "maxmodellen", "contextlength", "maxcontextlength", "loadedcontextlength", "contextwindow", "contextsize",
        "maxcontextwindow", "maxcontextwindowtokens", "contextwindowtokens", "maxcontexttokens",
        "availablecontexttokens",
        "maxinputtokens", "maxinputlength", "maxprompttokens", "maxpromptlength", "inputtokenlimit", "maxseqlen",
        "maxsequencelength", "nctx",
    }
)  # fmt: skip
HOLDING = frozenset(
    {
        "topprovider", "meta", "metadata", "limits", "limit", "capabilities", "modelinfo", "modelspec", "parameters",
        "info", "config", "providers", "endpoints",
    }
)  # fmt: skip
NAMED = ("id", "name", "model", "key", "model_name")
DEEPEST = 3  # of what is put around a number
MAX_LIST = 8 * 1024 * 1024  # bytes of an answer


async def asked(
    upstream: Upstream, method: str, path: str, headers: Credentials, body: bytes = b""
) -> bytes | None:
    """Return an upstream's answer; None where there is none, no 200 or one beyond MAX_LIST."""
    given = [*headers, (b"content-type", b"application/json")] if body else list(headers)
    content = bytearray()
    try:
        answer = await upstream.send(UpstreamRequest(method, path, given, body))
        try:
            async for chunk in answer.body:
                content += chunk
                if len(content) > MAX_LIST:
                    return None
        finally:
            await answer.aclose()
    except UpstreamError:
        return None
    return bytes(content) if answer.status == HTTPStatus.OK else None


async def told(upstream: Upstream, model: str, headers: Credentials, patience: float) -> int | None:
    """Return the window of a model that the list does not give; None where no server of a known kind
    answers.

    LM Studio lists it under /api/v0/models, llama.cpp tells it at /props, TGI at /info, TabbyAPI at
    /v1/model, KoboldCpp at /api/extra/true_max_context_length; Ollama at /api/ps of what is loaded, else
    at /api/show.
    """
    show = orjson.dumps({"model": model})
    places = [
        ("GET", "/api/v0/models", b""),
        ("GET", "/props", b""),
        ("GET", "/info", b""),
        ("GET", "/api/ps", b""),
        ("POST", "/api/show", show),
        ("GET", "/v1/model", b""),
        ("GET", "/api/extra/true_max_context_length", b""),
    ]
    try:
        async with asyncio.timeout(patience):
            for method, path, body in places:
                content = await asked(upstream, method, path, headers, body)
                window = window_in(content, model) if content else None
                if window:
                    return window
    except TimeoutError:
        pass
    return None


def window_in(content: bytes, model: str) -> int | None:
    """Return the window that a server's answer tells of a model, None where it tells none."""
    rows = listed(content)
    if rows:
        return rows.get(model.lower()) or rows.get(f"{model.lower()}:latest")
    answer = _loaded(content)
    if not isinstance(answer, dict):
        return None
    settings = answer.get("default_generation_settings")
    if isinstance(settings, dict):  # llama.cpp
        return _count(settings.get("n_ctx"))
    running = str(answer.get("parameters", "")).split()
    if "num_ctx" in running[:-1]:  # Ollama: what is set, else what the model was trained for
        return _count(running[running.index("num_ctx") + 1])
    info = answer.get("model_info")
    trained = info.items() if isinstance(info, dict) else ()
    lengths = [_count(n) for name, n in trained if name.endswith(".context_length")]
    told = [*lengths, *_given(answer, 0)]
    return min([n for n in told if n], default=None) or _count(answer.get("value"))


def listed(content: bytes) -> dict[str, int]:
    """Return windows by model name, in lower case, from an answer to GET /v1/models.

    Read as vLLM (max_model_len), OpenRouter (context_length), LM Studio (max_context_length and what is
    loaded of it), Groq (context_window), Anthropic (max_input_tokens), llama.cpp (meta.n_ctx, else
    meta.n_ctx_train) and others give them; the smallest counts. A model's aliases are names of its own.
    """
    windows: dict[str, int] = {}
    for row in models_of(content):
        numbers = [n for n in _given(row, 0) if n]
        if numbers:
            aliases = row.get("aliases")
            others = aliases if isinstance(aliases, list) else []
            for name in (row.get("canonical_slug"), *others, row["id"]):
                if isinstance(name, str):
                    windows[name.lower()] = min(numbers)
    return windows


def models_of(content: bytes) -> list[Mapping[str, Any]]:
    """Return the models of a list, each with its name as `id`; none where it is none."""
    answer = _loaded(content)
    if isinstance(answer, dict):
        answer = answer.get("data", answer.get("models"))
    if isinstance(answer, dict):
        answer = [{"id": name, **row} for name, row in answer.items() if isinstance(row, dict)]
    rows = [row for row in answer if isinstance(row, dict)] if isinstance(answer, list) else []
    named = [(next((row[n] for n in NAMED if isinstance(row.get(n), str)), ""), row) for row in rows]
    return [{**row, "id": name.removeprefix("models/")} for name, row in named if name]


def ignores_names(row: Mapping[str, Any]) -> bool:
    """Say whether a server with this one model answers with it whatever it is asked for, as llama.cpp
    does.
    """
    return isinstance(row.get("meta"), dict) or row["id"].lower().endswith(".gguf")


def _given(row: Mapping[str, Any], depth: int) -> Iterator[int | None]:
    """Yield the windows that a model's row tells of, by itself and in what it holds."""
    for name, value in row.items():
        plain = name.lower().replace("_", "")
        if plain in LISTED_AS:
            yield _count(value)
        elif plain in HOLDING and depth < DEEPEST:
            for held in value if isinstance(value, list) else [value]:
                if isinstance(held, dict):
                    yield from _given(held, depth + 1)
        elif (plain == "context" and depth) or (
            plain == "nctxtrain" and not _count(row.get("n_ctx"))
        ):  # of "limit"
            yield _count(value)


def _loaded(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _count(value: object) -> int | None:
    """Return a number of tokens, which some write as text; None where it is none."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
