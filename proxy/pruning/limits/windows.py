"""How many tokens a model takes, and the budget that follows."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from foveate.policies.types import Budget
from foveate.proxy.config import schema as config
from foveate.proxy.pruning.limits.learned import Learned
from foveate.proxy.pruning.limits.listing import (
    Credentials,
    asked,
    ignores_names,
    listed,
    models_of,
    told,
)
from foveate.proxy.pruning.limits.models import look_up, model_table
from foveate.proxy.upstreams import Upstream

_log = logging.getLogger("foveate.windows")
Source = Literal["config", "upstream", "litellm", "default", "learned"]
MAX_KNOWN = 1000  # models and callers that are remembered


@dataclass(frozen=True, slots=True)
class ModelWindow:
    """A model's window in tokens, and where the number comes from; `apart` where the answer is no part
    of it.
    """

    tokens: int
    source: Source
    apart: bool = False


class Windows:
    """Finds windows: the settings, the upstream's own list, litellm's model table, the stated default
    with a warning.

    What an upstream's refusals have taught a caller bounds them all.
    """

    PATIENCE = 1.0  # seconds that a request waits for the upstream's list
    FRESH = 600.0  # seconds for which a list holds
    AGAIN = 60.0  # seconds until a caller who got no list asks again; others ask at once
    SMALL = 2048  # tokens that any chat model takes: a shorter prompt need not wait for the list

    def __init__(
        self, settings: config.WindowSettings, budget: config.BudgetSettings, upstream: Upstream
    ) -> None:
        self._settings = settings
        self._models = {name.lower(): tokens for name, tokens in settings.models.items()}
        self._budget = budget
        self._upstream = upstream
        self.shared = budget.high <= 1  # the budget is a share of the window, and no tokens of its own
        self.learned = Learned()
        self._listed: dict[str, int] = {}
        # The window of a server's only model, which may answer to any name
        self._only: int | None = None
        self._any_name = False  # it does so
        # What the upstream says of a model elsewhere
        self._told: OrderedDict[str, int | None] = OrderedDict()
        self._asking: asyncio.Task[None] | None = None
        self._listed_at = -math.inf
        self._tried: OrderedDict[str, float] = OrderedDict()  # by caller
        self._warned: set[str] = set()
        self._known: dict[str, ModelWindow] = {}  # by model, until something new is told

    async def window(
        self, model: str, tokens: int, headers: Credentials, caller: str = ""
    ) -> ModelWindow:
        """Return the window of `model`, for a prompt of `tokens`; `headers` let us ask the upstream for
        a caller.
        """
        if look_up(model, self._models) is None:
            await self._ask(self._list(headers), self._due(caller), wait=tokens > self.SMALL)
            elsewhere = self._listed_at > -math.inf and tokens > self.SMALL and model not in self._told
            if elsewhere and self._found(model) is None:
                await self._ask(self._tell(model, headers), True, wait=True)
        return self.known(model, caller)

    def known(self, model: str, caller: str = "") -> ModelWindow:
        """Return the window of `model` for a caller as far as it is known now."""
        known = self._known.get(model)
        if known is None:
            known = self._found(model) or self._default(model)
            if len(self._known) < MAX_KNOWN:
                self._known[model] = known
        learned = self.learned.window(model, caller)
        return ModelWindow(learned, "learned") if learned and learned < known.tokens else known

    def _found(self, model: str) -> ModelWindow | None:
        tokens = look_up(model, self._models)
        if tokens:
            return ModelWindow(tokens, "config")
        only = self._only if self._any_name else None
        tokens = look_up(model, self._listed) or only or self._told.get(model)
        if tokens:
            return ModelWindow(tokens, "upstream")
        size = look_up(model, model_table())
        if size:
            return ModelWindow(size.tokens, "litellm", size.apart)
        return ModelWindow(self._only, "upstream") if self._only else None

    def _default(self, model: str) -> ModelWindow:
        if model not in self._warned and len(self._warned) < MAX_KNOWN:
            self._warned.add(model)
            _log.warning(
                "the window of model %r is not known; taking %d tokens. Set window.models in config.yaml: "
                "window: {models: {%s: TOKENS}}",
                model, self._settings.default, json.dumps(model),
            )  # fmt: skip
        return ModelWindow(self._settings.default, "default")

    def budget(self, window: ModelWindow, max_output: int | None) -> Budget:
        """Return the watermarks: shares of the window less the reserved output, which takes half of it
        at the most; or the tokens that the settings name, within that.
        """
        reserved = 0 if window.apart else max_output
        return shares(
            window.tokens, reserved, self._settings.reserve_output, self._budget.high, self._budget.low
        )

    def _due(self, caller: str) -> bool:
        """Say whether a caller is to ask for the list: it is old, and this one has not just failed to
        get it.
        """
        now = time.monotonic()
        if (
            now - self._listed_at <= self.FRESH
            or now - self._tried.get(caller, -math.inf) <= self.AGAIN
        ):
            return False
        self._tried[caller] = now
        self._tried.move_to_end(caller)
        while len(self._tried) > MAX_KNOWN:
            self._tried.popitem(last=False)
        return True

    async def _ask(self, question: Coroutine[Any, Any, None], due: bool, wait: bool) -> None:
        """Have the upstream asked, one question at a time, and wait for the answer a moment."""
        underway = self._asking is not None and not self._asking.done()
        if due and not underway:
            self._asking = asyncio.create_task(question)
        else:
            question.close()
        if wait and self._asking is not None and not self._asking.done():
            await asyncio.wait([self._asking], timeout=self.PATIENCE)

    async def _list(self, headers: Credentials) -> None:
        try:
            async with asyncio.timeout(10 * self.PATIENCE):
                content = await asked(self._upstream, "GET", "/v1/models", headers)
        except TimeoutError:
            return
        if content is None:
            return
        self._listed_at = time.monotonic()
        self._listed = listed(content)
        rows = models_of(content)
        self._only = next(iter(self._listed.values()), None) if len(rows) == 1 else None
        self._any_name = len(rows) == 1 and ignores_names(rows[0])
        self._told.clear()
        self._known.clear()

    async def _tell(self, model: str, headers: Credentials) -> None:
        self._told[model] = await told(self._upstream, model, headers, self.PATIENCE)
        while len(self._told) > MAX_KNOWN:
            self._told.popitem(last=False)
        self._known.pop(model, None)


@lru_cache(maxsize=256)
def shares(window: int, max_output: int | None, reserve: float, high: float, low: float) -> Budget:
    """Return the watermarks for a window of so many tokens.

    Where `high` is in tokens, a share as `low` is one of that.
    """
    reserved = int(window * reserve) if max_output is None else max_output
    room = window - min(reserved, window // 2)
    most = _tokens_of(high, room)
    return Budget(high=most, low=_tokens_of(low, most if high > 1 else room, most))


def _tokens_of(mark: float, whole: int, most: int | None = None) -> int:
    """Return a watermark in tokens: a share of `whole`, or tokens; never over `most`, or `whole`."""
    tokens = int(mark if mark > 1 else whole * mark)
    return min(tokens, whole if most is None else most)
