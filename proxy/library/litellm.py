"""A hook for LiteLLM's proxy: prunes what passes it, with sticky cuts for each key and session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from foveate.proxy.library.pruning import Pruner

_log = logging.getLogger("foveate.litellm")
# What LiteLLM calls a request of each API, and where such a request would be sent.
PATHS: Mapping[str, str] = {
    "completion": "/v1/chat/completions",
    "acompletion": "/v1/chat/completions",
    "anthropic_messages": "/v1/messages",
    "responses": "/v1/responses",
    "aresponses": "/v1/responses",
}
# Of a request's fields those that a history is in; LiteLLM's own stand beside them.
HISTORY = ("messages", "input")
READ = (
    *HISTORY, "model", "system", "instructions", "tools", "functions", "max_tokens", "max_completion_tokens",
    "max_output_tokens", "response_format", "text", "previous_response_id", "conversation",
)  # fmt: skip


class Foveate(CustomLogger):  # type: ignore[misc]  # litellm is not typed for us
    """Prunes requests ahead of their call; on any doubt a request goes on as it came."""

    def __init__(
        self,
        config: str | None = None,
        budget: int | str = "",
        policy: str = "",
        data: str | None = None,
    ) -> None:
        super().__init__()
        self._config = config
        self._data = data
        self._budget = budget
        self._policy = policy
        self._pruner: Pruner | None = None
        self._loading = asyncio.Lock()

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Return LiteLLM's request with its history pruned."""
        path = PATHS.get(call_type)
        if path is None:
            return data
        pruner = await self._loaded()
        body = {name: data[name] for name in READ if name in data}
        caller = str(getattr(user_api_key_dict, "api_key", "") or "")
        try:
            pruned = await pruner.aprune(
                body, self._budget, self._policy, path, session_of(data), caller
            )
        except TypeError as error:  # something in it is no JSON
            _log.warning("a request goes on as it came: %s", error)
            return data
        told = pruned.outcome["tokens"]
        _log.info("%s: %s -> %s tokens", pruned.result, told["before"], told["after"])
        return {**data, **{name: pruned.body[name] for name in HISTORY if name in pruned.body}}

    async def _loaded(self) -> Pruner:
        async with self._loading:
            if self._pruner is None:
                self._pruner = await asyncio.to_thread(Pruner, self._config, self._data)
        return self._pruner


def session_of(data: Mapping[str, Any]) -> str:
    """Return the name that LiteLLM has for a conversation, else "": it is found by its beginning."""
    named = data.get("litellm_session_id") or (data.get("metadata") or {}).get("session_id") or ""
    plain = isinstance(named, str) and named.isascii() and named.isprintable() and " " not in named
    return named[:128] if plain else ""


hook = Foveate()
