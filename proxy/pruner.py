"""Decides what to forward; the only caller of policies.prune."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import numpy as np

from policies.features import extract
from policies.policy import Policy
from policies.prune import plan, prune
from policies.signals.keyword import Keyword
from policies.types import Budget, History, PruneState, Selection
from proxy.asked import Asked, Decision
from proxy.cache import Cache
from proxy.calibration import Calibration
from proxy.features import FeatureStore
from proxy.formats import chat
from proxy.outcome import Outcome
from proxy.refusals import TooLong
from proxy.state_store import Found, StateKeeper, chain, session_key
from proxy.tokens import FALLBACK, TokenCounter, encoding_name, is_exact
from proxy.trace import Trace
from proxy.usage import Usage
from proxy.windows import Windows, model_table

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("foveate.pruner")
# Work on a body this large takes a few milliseconds: it leaves the event loop free for other requests.
LARGE_BODY = 64 * 1024
# How deep to cut where an upstream refuses a prompt as too long, at the least.
DEEPER = 0.7


class Pruner:
    """Turns a request body into the body to forward. Never raises: on any fault the caller's bytes go on."""

    def __init__(
        self, mode: str, policy: str, policies: Mapping[str, Policy], windows: Windows, features: FeatureStore,
        states: StateKeeper, cache: Cache, split_over: int, sticky: bool,
    ) -> None:  # fmt: skip
        self._mode = {"shadow": "dry-run"}.get(mode, mode)
        self._default_policy = policy
        self._policies = policies
        self._windows = windows
        self._features = features
        self._states = states
        self._cache = cache
        self._split_over = split_over
        self._sticky = sticky
        self._calibration = Calibration()
        self._working = ThreadPoolExecutor(2, "prune")
        self.failures: dict[str, int] = {}
        self._failing = ""

    def start(self) -> None:
        """Read the commonest vocabulary and the model table ahead of the first request, in a thread."""
        self._working.submit(TokenCounter, FALLBACK)
        self._working.submit(model_table)

    def close(self) -> None:
        """End the worker threads."""
        self._working.shutdown()

    async def decide(self, asked: Asked) -> Decision:
        """Return what to forward."""
        blank = Outcome(
            id=asked.id,
            created=int(time.time()),
            result="off",
            policy=asked.overrides.policy or self._default_policy,
        )
        if self._mode_of(asked) == "off":
            return Decision(asked.body, blank)
        return await self._guarded(asked, blank, None)

    async def decide_again(self, asked: Asked, earlier: Outcome, refusal: TooLong) -> Decision | None:
        """Return a smaller prompt after the upstream's refusal of an earlier one, None where there is none."""
        sent = earlier.tokens_after
        if sent is None or self._mode_of(asked) != "on" or earlier.result == "failed":
            return None
        if refusal.prompt:
            self._calibration.observe(earlier.model, earlier.tokens_estimated, refusal.prompt, is_exact(earlier.model))
        if refusal.window:
            self._windows.learn(earlier.model, refusal.window)
        ceiling = sent - 1
        decision = await self._guarded(asked, dataclasses.replace(earlier, resent=True), ceiling)
        smaller = decision.outcome.tokens_estimated < earlier.tokens_estimated
        return decision if smaller and decision.outcome.result != "failed" else None

    def inherit(self, earlier: Pruner) -> None:
        """Go on with what `earlier`, of other settings, has learned and counted."""
        self._calibration = earlier._calibration
        self.failures = earlier.failures

    def learn(self, outcome: Outcome, usage: Usage) -> None:
        """Take in what the upstream counted."""
        if outcome.tokens_estimated:
            self._calibration.observe(
                outcome.model, outcome.tokens_estimated, usage.prompt_tokens, is_exact(outcome.model)
            )

    def _mode_of(self, asked: Asked) -> str:
        if asked.rehearsal:
            return "off" if asked.overrides.mode == "off" else "on"
        return asked.overrides.mode or self._mode

    async def _guarded(self, asked: Asked, blank: Outcome, ceiling: int | None) -> Decision:
        trace = asked.trace
        try:
            return await self._decide(
                asked, dataclasses.replace(blank, milliseconds=trace.milliseconds), ceiling, trace
            )
        except Exception as error:  # the one place where a fault becomes "forward unchanged"
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            if not asked.rehearsal:
                self._count_failure(blank.id, trace.stage, reason)
            failed = dataclasses.replace(blank, result="failed", failure=trace.stage, failure_reason=reason)
            return Decision(asked.body, failed)

    def _count_failure(self, request: str, stage: str, reason: str) -> None:
        self.failures[stage] = self.failures.get(stage, 0) + 1
        level = logging.DEBUG if stage == self._failing else logging.ERROR  # a lasting fault is told once
        _log.log(level, "%s: pruning failed at %s, forwarding unchanged: %s", request, stage, reason)
        self._failing = stage

    async def _decide(self, asked: Asked, blank: Outcome, ceiling: int | None, trace: Trace) -> Decision:
        dry = self._mode_of(asked) == "dry-run"
        with trace.timed("parse"):
            request = chat.read(asked.body)
            parsed = await self._work(len(asked.body), self._parse, request)
        with trace.timed("window"):
            window = await self._windows.window(request.model, parsed.tokens, asked.credentials)
            ratio = self._calibration.ratio(request.model)
            budget = asked.overrides.budget or self._windows.budget(window, request.max_output)
            if learned := self._windows.learned(request.model, request.max_output):
                budget = lowered(budget, learned.high, learned.low)
            if ceiling is not None:
                budget = lowered(budget, ceiling, int(ceiling * DEEPER))
        outcome = dataclasses.replace(
            blank, result="untouched", model=request.model, window=window, budget=budget, segments=len(parsed.segments),
            tokens_before=int(parsed.tokens * ratio), places=tuple(place.messages for place in parsed.places),
        )  # fmt: skip
        remembering = Remembering(self._states, asked, parsed, self._sticky and not dry)
        found = await remembering.find()
        scaled = Budget(int(budget.high / ratio) - parsed.fixed_tokens, int(budget.low / ratio) - parsed.fixed_tokens)
        state = found.state if found and parsed.tokens > scaled.high + parsed.fixed_tokens else PruneState()
        selection = await self._selected(asked, parsed, self._policies[blank.policy], scaled, state, trace)
        with trace.timed("rebuild"):
            rows = chat.layout(parsed, selection.kept, excerpts(parsed, selection.state))
            body, tokens = await self._work(len(asked.body), chat.rebuild, parsed, rows)
        if not dry and not asked.rehearsal:
            await remembering.keep(selection.state)
            self._count_recalls(asked.tenant, selection, state)
        self._failing = ""
        changed = bool(selection.state.dropped)
        estimated = parsed.fixed_tokens + sum(tokens)
        shared = 0 if found is None else parsed.fixed_tokens + shared_tokens(parsed, rows, tokens, found)
        outcome = dataclasses.replace(
            outcome,
            result="dry-run" if dry else "untouched" if not changed else "cut" if selection.cut else "sticky",
            tokens_after=int(estimated * ratio),
            tokens_estimated=parsed.tokens if dry else estimated,
            tokens_prefix=int(shared * ratio),
            tokens_repeated=int(repeated_tokens(parsed, found) * ratio),
            kept=len(selection.kept),
            recalled=sum(v.fate == "recalled" for v in selection.verdicts),
            selection=selection,
        )
        return Decision(body if changed and not dry else asked.body, outcome)

    def _parse(self, request: chat.Request) -> chat.Chat:
        counter = TokenCounter(encoding_name(request.model))
        return chat.parse(request, counter, self._cache, self._split_over)

    async def _selected(
        self, asked: Asked, parsed: chat.Chat, policy: Policy, budget: Budget, state: PruneState, trace: Trace
    ) -> Selection:
        size = len(asked.body)
        nothing = np.zeros((len(parsed.segments), 0), dtype=np.float32)
        numbers = np.zeros(len(parsed.segments))
        history = History(
            parsed.segments, (), nothing, parsed.query, extract(""), nothing[:1].ravel(), numbers, numbers
        )
        if plan(parsed.segments, parsed.query, policy, budget, state) != "sticky":
            with trace.timed("features"):
                history, order = await self._work(size, self._read, history)
            history = await self._features.complete(asked.tenant, history, order, trace)
        with trace.timed("select"):
            return await self._work(size, prune, history, policy, budget, state)

    def _read(self, history: History) -> tuple[History, list[int]]:
        """Return the history with its features, and the order in which segments deserve a vector."""
        features = self._features.features(history.segments)
        history = dataclasses.replace(history, features=features, query=extract(history.query_text))
        wanted = [i for i, s in enumerate(history.segments) if s.role not in ("system", "developer")]
        lexical = Keyword().score(history)
        return history, sorted(wanted, key=lambda i: (-lexical[i], -i))

    def _count_recalls(self, tenant: str, selection: Selection, before: PruneState) -> None:
        fresh = selection.state.quoted - before.quoted
        if fresh:
            self._features.recalled(tenant, [v.segment for v in selection.verdicts if v.segment.key in fresh])

    async def _work(self, size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run CPU work here, or in a thread where it would hold the event loop."""
        if size < LARGE_BODY:
            return function(*args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._working, lambda: function(*args, **kwargs))


class Remembering:
    """Finds and keeps the state of one request's conversation."""

    def __init__(self, states: StateKeeper, asked: Asked, parsed: chat.Chat, sticky: bool) -> None:
        self._states = states
        self._sticky = sticky and asked.overrides.sticky is not False and bool(parsed.messages)
        if self._sticky:
            self._ids = [m.id for m in parsed.messages]
            self._chain = chain(asked.tenant, self._ids)
            self._session = session_key(asked.tenant, asked.overrides.session or "")

    async def find(self) -> Found | None:
        """Return the state of the longest known prefix."""
        return await self._states.find(self._chain, self._session, self._ids) if self._sticky else None

    async def keep(self, state: PruneState) -> None:
        """Store the state of the whole history."""
        if self._sticky:
            await self._states.keep(self._chain, self._session, self._ids, state)


def unread(parsed: chat.Chat) -> History:
    """Return the history before its texts are worked on."""
    none = np.zeros(len(parsed.segments))
    vectors = np.zeros((len(parsed.segments), 0), dtype=np.float32)
    query = np.zeros(0, dtype=np.float32)
    return History(parsed.segments, (), vectors, parsed.query, extract(""), query, age_hours=none, recalls=none)


def lowered(budget: Budget, high: int, low: int) -> Budget:
    """Return `budget` with neither watermark above the given ones."""
    return Budget(high=min(budget.high, high), low=min(budget.low, low))


def excerpts(parsed: chat.Chat, state: PruneState) -> dict[int, tuple[int, ...]]:
    """Return positions of the segments to quote, by the user message that they are quoted at."""
    position = {s.key: i for i, s in enumerate(parsed.segments)}
    return {turn: tuple(position[key] for key in keys if key in position) for turn, keys in state.recalled.items()}


def repeated_tokens(parsed: chat.Chat, found: Found | None) -> int:
    """Return the tokens of the whole history that the conversation's previous request had already."""
    return parsed.fixed_tokens + sum(m.tokens for m in parsed.messages[: found.messages]) if found else 0


def shared_tokens(parsed: chat.Chat, rows: Sequence[chat.Row], tokens: Sequence[int], found: Found) -> int:
    """Return the tokens of the messages that this prompt and the conversation's previous one begin with."""
    standing = [
        i for i, s in enumerate(parsed.segments) if s.key[0] < found.messages and s.key not in found.state.dropped
    ]
    before = chat.layout(parsed, standing, excerpts(parsed, found.state))
    shared = 0
    for new, old, size in zip(rows, before, tokens, strict=False):
        if new != old:
            break
        shared += size
    return shared
