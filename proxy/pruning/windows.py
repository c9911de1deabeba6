"""How many tokens a model takes, and the budget that follows."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import orjson

from foveate.policies.types import Budget
from foveate.proxy.config import schema as config
from foveate.proxy.errors import UpstreamError
from foveate.proxy.pruning.models import model_names, model_table
from foveate.proxy.upstreams import Upstream, UpstreamRequest

_log = logging.getLogger("foveate.windows")
Source = Literal["config", "upstream", "litellm", "default", "learned"]
LISTED_AS = ("max_model_len", "context_length", "max_context_length", "loaded_context_length", "context_window")
MAX_LIST = 8 * 1024 * 1024  # bytes of an upstream's list of models


@dataclass(frozen=True, slots=True)
class Window:
    """A model's window in tokens, and where the number comes from."""

    tokens: int
    source: Source


class Windows:
    """Finds windows: the settings, the upstream's own list, litellm's model table, the stated default with a warning.

    What an upstream's refusal has taught bounds them all.
    """

    PATIENCE = 1.0  # seconds that a request waits for the upstream's list
    FRESH = 600.0  # seconds for which a list holds
    SMALL = 2048  # tokens that any chat model takes: a shorter prompt need not wait for the list

    def __init__(self, settings: config.Window, budget: config.Budget, upstream: Upstream) -> None:
        self._settings = settings
        self._budget = budget
        self._upstream = upstream
        self._learned: dict[str, int] = {}
        self._listed: dict[str, int] = {}
        self._listing: asyncio.Task[None] | None = None
        self._listed_at = -math.inf
        self._warned: set[str] = set()
        self._known: dict[str, Window] = {}  # by model, until something new is learned

    async def window(self, model: str, tokens: int, headers: Sequence[tuple[bytes, bytes]]) -> Window:
        """Return the window of `model`, for a prompt of `tokens`; `headers` let us ask the upstream."""
        due = time.monotonic() - self._listed_at > self.FRESH
        underway = self._listing is not None and not self._listing.done()
        named = any(name in self._settings.models for name in model_names(model))
        if (due or underway) and not named:
            await self._list(headers, due and not underway, wait=tokens > self.SMALL)
        return self.known(model)

    def known(self, model: str) -> Window:
        """Return the window of `model` as far as it is known now."""
        known = self._known.get(model)
        if known is None:
            found = self._found(model)
            learned = self._learned.get(model)
            known = Window(learned, "learned") if learned and learned < found.tokens else found
            if len(self._known) < 1000:
                self._known[model] = known
        return known

    def _found(self, model: str) -> Window:
        sources: list[tuple[Source, Mapping[str, int]]] = [
            ("config", self._settings.models),
            ("upstream", self._listed),
            ("litellm", model_table()),
        ]
        for source, table in sources:
            for name in model_names(model):
                if name in table:
                    return Window(table[name], source)
        if model not in self._warned and len(self._warned) < 1000:
            self._warned.add(model)
            _log.warning(
                "the window of model %r is not known; taking %d tokens. Set window.models in config.yaml",
                model, self._settings.default,
            )  # fmt: skip
        return Window(self._settings.default, "default")

    def budget(self, window: Window, max_output: int | None) -> Budget:
        """Return the watermarks: shares of the window less the reserved output, which takes half of it at the most."""
        return shares(window.tokens, max_output, self._settings.reserve_output, self._budget.high, self._budget.low)

    def learn(self, model: str, tokens: int) -> None:
        """Remember that the upstream has refused more than `tokens`."""
        if len(self._learned) < 1000 and tokens > 0:
            self._learned[model] = tokens
            self._known.clear()

    def learned(self, model: str, max_output: int | None) -> Budget | None:
        """Return the budget of the learned window, None where nothing was learned."""
        tokens = self._learned.get(model)
        return self.budget(Window(tokens, "learned"), max_output) if tokens else None

    async def _list(self, headers: Sequence[tuple[bytes, bytes]], begin: bool, wait: bool) -> None:
        if begin:
            self._listed_at = time.monotonic()
            self._listing = asyncio.create_task(self._fetch(headers))
        if wait and self._listing is not None:
            await asyncio.wait([self._listing], timeout=self.PATIENCE)

    async def _fetch(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        content = b""
        try:
            async with asyncio.timeout(10 * self.PATIENCE):
                answer = await self._upstream.send(UpstreamRequest("GET", "/v1/models", list(headers), b""))
                try:
                    async for chunk in answer.body:
                        content += chunk
                        if len(content) > MAX_LIST:
                            return
                finally:
                    await answer.aclose()
        except (UpstreamError, TimeoutError):
            return
        if answer.status == 200:
            self._listed = listed(content)
            self._known.clear()


@lru_cache(maxsize=256)
def shares(window: int, max_output: int | None, reserve: float, high: float, low: float) -> Budget:
    """Return the watermarks for a window of so many tokens."""
    reserved = int(window * reserve) if max_output is None else max_output
    room = window - min(reserved, window // 2)
    return Budget(high=int(room * high), low=int(room * low))


def listed(content: bytes) -> dict[str, int]:
    """Return windows by model name from an answer to GET /v1/models.

    Read as vLLM (max_model_len), OpenRouter (context_length), LM Studio (max_context_length and what is loaded of
    it), Groq (context_window) and llama.cpp (meta.n_ctx, else meta.n_ctx_train) give them; the smallest counts.
    """
    try:
        models = orjson.loads(content)["data"]
        rows = [(row["id"], row) for row in models if isinstance(row, dict) and isinstance(row.get("id"), str)]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}
    windows = {}
    for name, row in rows:
        meta = row["meta"] if isinstance(row.get("meta"), dict) else {}
        provider = row["top_provider"] if isinstance(row.get("top_provider"), dict) else {}
        given = [row.get(key) for key in LISTED_AS] + [provider.get("context_length")]
        given.append(meta.get("n_ctx") or meta.get("n_ctx_train"))
        numbers = [n for n in given if isinstance(n, int) and not isinstance(n, bool) and n > 0]
        if numbers:
            windows[name] = min(numbers)
    return windows
