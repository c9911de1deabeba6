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
from foveate.proxy.http.headers import is_anthropics
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


class _Listing:
    """What one vendor's servers have said of their models."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        # The window of a server's only model, which may answer to any name
        self.only: int | None = None
        self.any_name = False  # it does so
        # What is said of a model elsewhere
        self.told: OrderedDict[str, int | None] = OrderedDict()
        self.asking: asyncio.Task[None] | None = None
        self.at = -math.inf
        self.tried: OrderedDict[str, float] = OrderedDict()  # by caller
        self.known: dict[str, ModelWindow] = {}  # by model, until something new is told


class Windows:
    """Finds windows: the settings, the upstream's own list, litellm's model table, the stated default
    with a warning.

    What an upstream's refusals have taught a caller bounds them all. Anthropic's clients may be sent to
    another server than the rest: what either says holds for its own.
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
        self._anthropics, self._others = _Listing(), _Listing()
        self._warned: set[str] = set()

    async def window(
        self, model: str, tokens: int, headers: Credentials, caller: str = ""
    ) -> ModelWindow:
        """Return the window of `model`, for a prompt of `tokens`; `headers` let us ask the upstream for
        a caller.
        """
        said = self._of(headers)
        if look_up(model, self._models) is None:
            due = self._due(said, caller)
            await self._ask(said, self._list(said, headers), due, wait=tokens > self.SMALL)
            elsewhere = said.at > -math.inf and tokens > self.SMALL and model not in said.told
            if elsewhere and self._found(said, model) is None:
                await self._ask(said, self._tell(said, model, headers), True, wait=True)
        return self.known(model, caller, headers)

    def known(self, model: str, caller: str = "", headers: Credentials = ()) -> ModelWindow:
        """Return the window of `model` for a caller as far as it is known now."""
        said = self._of(headers)
        known = said.known.get(model)
        if known is None:
            known = self._found(said, model) or self._default(model)
            if len(said.known) < MAX_KNOWN:
                said.known[model] = known
        learned = self.learned.window(model, caller)
        return ModelWindow(learned, "learned") if learned and learned < known.tokens else known

    def _of(self, headers: Credentials) -> _Listing:
        """Return what is said to a caller of these headers."""
        return self._anthropics if is_anthropics(headers) else self._others

    def _found(self, said: _Listing, model: str) -> ModelWindow | None:
        tokens = look_up(model, self._models)
        if tokens:
            return ModelWindow(tokens, "config")
        only = said.only if said.any_name else None
        tokens = look_up(model, said.rows) or only or said.told.get(model)
        if tokens:
            return ModelWindow(tokens, "upstream")
        size = look_up(model, model_table())
        if size:
            return ModelWindow(size.tokens, "litellm", size.apart)
        return ModelWindow(said.only, "upstream") if said.only else None

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

    def _due(self, said: _Listing, caller: str) -> bool:
        """Say whether a caller is to ask for the list: it is old, and this one has not just failed to
        get it.
        """
        now = time.monotonic()
        if now - said.at <= self.FRESH or now - said.tried.get(caller, -math.inf) <= self.AGAIN:
            return False
        said.tried[caller] = now
        said.tried.move_to_end(caller)
        while len(said.tried) > MAX_KNOWN:
            said.tried.popitem(last=False)
        return True

    async def _ask(
        self, said: _Listing, question: Coroutine[Any, Any, None], due: bool, wait: bool
    ) -> None:
        """Have the upstream asked, one question at a time, and wait for the answer a moment."""
        underway = said.asking is not None and not said.asking.done()
        if due and not underway:
            said.asking = asyncio.create_task(question)
        else:
            question.close()
        if wait and said.asking is not None and not said.asking.done():
            await asyncio.wait([said.asking], timeout=self.PATIENCE)

    async def _list(self, said: _Listing, headers: Credentials) -> None:
        try:
            async with asyncio.timeout(10 * self.PATIENCE):
                content = await asked(self._upstream, "GET", "/v1/models", headers)
        except TimeoutError:
            return
        if content is None:
            return
        said.at = time.monotonic()
        said.rows = listed(content)
        rows = models_of(content)
        said.only = next(iter(said.rows.values()), None) if len(rows) == 1 else None
        said.any_name = len(rows) == 1 and ignores_names(rows[0])
        said.told.clear()
        said.known.clear()

    async def _tell(self, said: _Listing, model: str, headers: Credentials) -> None:
        said.told[model] = await told(self._upstream, model, headers, self.PATIENCE)
        while len(said.told) > MAX_KNOWN:
            said.told.popitem(last=False)
        said.known.pop(model, None)


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
