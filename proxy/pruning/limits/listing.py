"""What an upstream says of its models' windows: its list of models, and where some servers tell it
besides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson

from foveate.proxy.errors import UpstreamError
from foveate.proxy.upstreams import Upstream, UpstreamRequest

Credentials = Sequence[tuple[bytes, bytes]]
LISTED_AS = (
    "max_model_len", "context_length", "max_context_length", "loaded_context_length", "context_window",
    "max_input_tokens",
)  # fmt: skip
MAX_LIST = 8 * 1024 * 1024  # bytes of an answer


async def asked(
    upstream: Upstream, method: str, path: str, headers: Credentials, body: bytes = b""
) -> bytes | None:
    """Return an upstream's answer; None where it cannot be had, is no 200 or is larger than MAX_LIST."""
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

    LM Studio lists it under /api/v0/models, llama.cpp tells it at /props, TGI at /info, Ollama at
    /api/show.
    """
    show = orjson.dumps({"model": model})
    places = [
        ("GET", "/api/v0/models", b""),
        ("GET", "/props", b""),
        ("GET", "/info", b""),
        ("POST", "/api/show", show),
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
        return rows.get(model.lower())
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(answer, dict):
        return None
    settings = answer.get("default_generation_settings")
    if isinstance(settings, dict):  # llama.cpp
        return _count(settings.get("n_ctx"))
    running = str(answer.get("parameters", "")).split()
    if "num_ctx" in running[:-1]:  # Ollama: what is set, else what the model was trained for
        number = running[running.index("num_ctx") + 1]
        return int(number) if number.isdigit() and len(number) < 10 else None
    info = answer.get("model_info")
    if isinstance(info, dict):
        return next(
            (
                n
                for name, value in info.items()
                if name.endswith(".context_length") and (n := _count(value))
            ),
            None,
        )
    return _count(answer.get("max_input_tokens")) or _count(answer.get("max_input_length"))  # TGI


def listed(content: bytes) -> dict[str, int]:
    """Return windows by model name, in lower case, from an answer to GET /v1/models.

    Read as vLLM (max_model_len), OpenRouter (context_length), LM Studio (max_context_length and what is
    loaded of it), Groq (context_window), Anthropic (max_input_tokens) and llama.cpp (meta.n_ctx, else
    meta.n_ctx_train) give them; the smallest counts.
    """
    windows = {}
    for row in rows_of(content):
        numbers = [n for n in _given(row) if n]
        if numbers:
            windows[row["id"].lower()] = min(numbers)
    return windows


def rows_of(content: bytes) -> list[Mapping[str, Any]]:
    """Return the models of a list, none where it is none."""
    try:
        models = orjson.loads(content)["data"]
        return [row for row in models if isinstance(row, dict) and isinstance(row.get("id"), str)]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return []


def ignores_names(row: Mapping[str, Any]) -> bool:
    """Say whether a server with this one model answers with it whatever it is asked for, as llama.cpp
    does.
    """
    return isinstance(row.get("meta"), dict) or row["id"].lower().endswith(".gguf")


def _given(row: Mapping[str, Any]) -> list[int | None]:
    meta = row["meta"] if isinstance(row.get("meta"), dict) else {}
    provider = row["top_provider"] if isinstance(row.get("top_provider"), dict) else {}
    given = [row.get(key) for key in LISTED_AS]
    return [
        _count(n)
        for n in (*given, provider.get("context_length"), meta.get("n_ctx") or meta.get("n_ctx_train"))
    ]


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
