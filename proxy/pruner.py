"""Decides what to forward; the only caller of policies.prune."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from policies.features import extract
from policies.policy import Policy
from policies.prune import prune
from policies.types import Budget, History, Selection
from proxy.cache import Cache
from proxy.features import FeatureStore
from proxy.formats import chat
from proxy.outcome import Outcome
from proxy.overrides import Overrides
from proxy.tokens import FALLBACK, TokenCounter, encoding_name
from proxy.trace import Trace
from proxy.windows import Windows, model_table

_log = logging.getLogger("foveate.pruner")
T = TypeVar("T")
# Work on a body this large takes a few milliseconds: it leaves the event loop free for other requests.
LARGE_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Decision:
    """The body to forward, and what led to it."""

    body: bytes
    outcome: Outcome


class Pruner:
    """Turns a request body into the body to forward. Never raises: on any fault the caller's bytes go on."""

    def __init__(
        self, mode: str, policy: str, policies: Mapping[str, Policy], windows: Windows, features: FeatureStore,
        cache: Cache, split_over: int,
    ) -> None:  # fmt: skip
        self._mode = {"shadow": "dry-run"}.get(mode, mode)
        self._default_policy = policy
        self._policies = policies
        self._windows = windows
        self._features = features
        self._cache = cache
        self._split_over = split_over
        self._working = ThreadPoolExecutor(2, "prune")
        self.failures: dict[str, int] = {}

    def start(self) -> None:
        """Read the commonest vocabulary and the model table ahead of the first request, in a thread."""
        self._working.submit(TokenCounter, FALLBACK)
        self._working.submit(model_table)

    def close(self) -> None:
        """End the worker threads."""
        self._working.shutdown()

    async def decide(self, body: bytes, overrides: Overrides, tenant: str) -> Decision:
        """Return what to forward in place of `body`."""
        trace = Trace()
        mode = overrides.mode or self._mode
        blank = Outcome(
            id=f"prn-{secrets.token_hex(8)}",
            created=int(time.time()),
            result="off",
            policy=overrides.policy or self._default_policy,
            milliseconds=trace.milliseconds,
        )
        if mode == "off":
            return Decision(body, blank)
        try:
            decision = await self._decide(body, overrides.budget, tenant, blank, trace)
        except Exception as error:  # the one place where a fault becomes "forward unchanged"
            self.failures[trace.stage] = self.failures.get(trace.stage, 0) + 1
            _log.error("%s: pruning failed at %s, forwarding unchanged: %s", blank.id, trace.stage, describe(error))
            return Decision(body, dataclasses.replace(blank, result="failed", failure=trace.stage))
        if mode == "dry-run":
            return Decision(body, dataclasses.replace(decision.outcome, result="dry-run"))
        return decision

    async def _decide(self, body: bytes, asked: Budget | None, tenant: str, blank: Outcome, trace: Trace) -> Decision:
        with trace.timed("parse"):
            parsed = await self._work(len(body), self._parse, body)
            window = self._windows.window(parsed.request.model)
            budget = asked or self._windows.budget(window, parsed.request.max_output)
        total = len(parsed.segments)
        outcome = dataclasses.replace(
            blank, result="untouched", model=parsed.request.model, window=window, budget=budget,
            tokens_before=parsed.tokens, tokens_after=parsed.tokens, segments=total, kept=total,
        )  # fmt: skip
        if parsed.tokens <= budget.high or not total:
            return Decision(body, outcome)
        candidates = [
            s if s.role not in ("system", "developer") else dataclasses.replace(s, text="") for s in parsed.segments
        ]
        vectors, query_vector = await self._features.vectors(tenant, candidates, parsed.query, trace)
        with trace.timed("select"):
            selection, rebuilt, tokens = await self._work(
                len(body), self._select, parsed, budget, self._policies[blank.policy], vectors, query_vector
            )
        kept = len(selection.kept)
        outcome = dataclasses.replace(
            outcome, result="cut" if kept < total else "untouched", tokens_after=tokens, kept=kept, selection=selection,
            places=tuple(place.messages for place in parsed.places),
        )  # fmt: skip
        return Decision(rebuilt if kept < total else body, outcome)

    def _parse(self, body: bytes) -> chat.Chat:
        request = chat.read(body)
        counter = TokenCounter(encoding_name(request.model))
        return chat.parse(request, counter, self._cache, self._split_over)

    def _select(
        self, parsed: chat.Chat, budget: Budget, policy: Policy, vectors: Any, query_vector: Any
    ) -> tuple[Selection, bytes, int]:
        history = History(
            segments=parsed.segments,
            features=self._features.features(parsed.segments),
            vectors=vectors,
            query=extract(parsed.query),
            query_vector=query_vector,
        )
        selection = prune(history, policy, budget.low - parsed.fixed_tokens)
        rebuilt, tokens = chat.rebuild(parsed, selection.kept)
        return selection, rebuilt, tokens

    async def _work(self, size: int, function: Callable[..., T], *args: Any) -> T:
        """Run CPU work here, or in a thread where it would hold the event loop."""
        if size < LARGE_BODY:
            return function(*args)
        return await asyncio.get_running_loop().run_in_executor(self._working, function, *args)


def describe(error: BaseException) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
