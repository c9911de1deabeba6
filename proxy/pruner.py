"""Decides what to forward; the only caller of policies.prune."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import numpy as np

from policies.features import extract
from policies.policy import Policy
from policies.prune import plan, prune, sticky
from policies.signals.keyword import Keyword
from policies.types import INSTRUCTIONS, Budget, History, PruneState, Selection
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
from proxy.windows import Window, Windows, model_table

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("foveate.pruner")
# Work on a body this large takes a few milliseconds: it leaves the event loop free for other requests.
LARGE_BODY = 64 * 1024
# Reading and counting this much of a history, new and known, takes a few milliseconds at the most.
LITTLE_NEW, MANY_MESSAGES = 16 * 1024, 500
# A body up to this size is counted even where it cannot exceed the budget: that costs less than a millisecond.
COUNTED = 16 * 1024
# How deep to cut where an upstream refuses a prompt as too long, at the least.
DEEPER = 0.7
# From this share of the high watermark on, a history is embedded in the background, so that its first cut has vectors.
AHEAD = 0.5


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
        self._counters: dict[str, TokenCounter] = {}  # of the vocabularies that are loaded
        self.failures: dict[str, int] = {}
        self._failing = ""

    def start(self) -> None:
        """Read the commonest vocabulary and the model table ahead of the first request, in a thread."""
        self._working.submit(self._counter, FALLBACK)
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
            milliseconds=asked.trace.milliseconds,
        )
        if self._mode_of(asked) == "off":
            return Decision(asked.body, blank)
        return await self._guarded(asked, blank, None)

    async def _decide_unread(self, asked: Asked, blank: Outcome, top: chat.Head) -> Decision | None:
        """Decide on a body whose size says that it is within the budget; None where it has to be read."""
        size = len(asked.body)
        if size <= COUNTED or asked.rehearsal or self._mode_of(asked) != "on":
            return None
        window = await self._windows.window(top.model, size, asked.credentials)
        budget = self._budget(asked, top, window)
        scale = max(1.0, self._calibration.ratio(top.model))
        if size * scale > budget.high or chat.most_tokens(asked.body) * scale > budget.high:
            return None
        return Decision(
            asked.body, dataclasses.replace(blank, result="untouched", model=top.model, window=window, budget=budget)
        )

    def _budget(self, asked: Asked, top: chat.Head, window: Window) -> Budget:
        budget = asked.overrides.budget or self._windows.budget(window, top.max_output)
        if learned := self._windows.learned(top.model, top.max_output):
            budget = lowered(budget, learned.high, learned.low)
        return budget

    async def decide_again(self, asked: Asked, earlier: Outcome, refusal: TooLong) -> Decision | None:
        """Return a smaller prompt after the upstream's refusal of an earlier one, None where there is none."""
        if earlier.result == "untouched" and earlier.tokens_after is None:  # it was sent unread
            earlier = (await self._guarded(asked, earlier, sys.maxsize)).outcome
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
            return await self._decide(asked, blank, ceiling, trace)
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
            top = chat.head(asked.body)
            if ceiling is None and (unread := await self._decide_unread(asked, blank, top)):
                return unread
            request = chat.opened(top)
            parsed = await self._parsed(request)
        with trace.timed("window"):
            window = await self._windows.window(request.model, parsed.tokens, asked.credentials)
            ratio = self._calibration.ratio(request.model)
            budget = self._budget(asked, request, window)
            if ceiling is not None:
                budget = lowered(budget, ceiling, int(ceiling * DEEPER))
        remembering = Remembering(self._states, asked, parsed, self._sticky and not dry)
        found = await remembering.find()
        scaled = Budget(int(budget.high / ratio) - parsed.fixed_tokens, int(budget.low / ratio) - parsed.fixed_tokens)
        fits = parsed.tokens <= scaled.high + parsed.fixed_tokens
        state = found.state if found and not fits else PruneState()
        if fits:
            selection = sticky(parsed.segments, state)
        else:
            selection = await self._selected(asked, parsed, self._policies[blank.policy], scaled, state, trace)
        if parsed.tokens > AHEAD * scaled.high and not asked.rehearsal:
            self._features.prepare(asked.tenant, [s for s in parsed.segments if s.role not in INSTRUCTIONS])
        changed = bool(selection.state.dropped)
        repeated = repeated_tokens(parsed, found)
        body, estimated, shared = asked.body, parsed.tokens, repeated
        if changed or (found and found.state.dropped):
            with trace.timed("rebuild"):
                rows = chat.layout(parsed, selection.kept, excerpts(parsed, selection.state))
                body, tokens = chat.rebuild(parsed, rows)
                estimated = parsed.fixed_tokens + sum(tokens)
                shared = shared_tokens(parsed, rows, tokens, found)
        if not dry and not asked.rehearsal:
            await remembering.keep(selection.state)
            self._count_recalls(asked.tenant, selection, state)
        self._failing = ""
        outcome = dataclasses.replace(
            blank,
            result="dry-run" if dry else "untouched" if not changed else "cut" if selection.cut else "sticky",
            model=request.model,
            window=window,
            budget=budget,
            segments=len(parsed.segments),
            places=tuple(place.messages for place in parsed.places),
            tokens_before=int(parsed.tokens * ratio),
            tokens_after=int(estimated * ratio),
            tokens_estimated=parsed.tokens if dry else estimated,
            tokens_prefix=int(shared * ratio),
            tokens_repeated=int(repeated * ratio),
            kept=len(selection.kept),
            recalled=sum(v.fate == "recalled" for v in selection.verdicts),
            selection=selection,
        )
        return Decision(body if changed and not dry else asked.body, outcome)

    async def _parsed(self, request: chat.Request) -> chat.Chat:
        """Return the request's segments, read here where most of it is known, else in a thread."""
        counter = self._counters.get(encoding_name(request.model))
        few = counter is not None and len(request.messages) <= MANY_MESSAGES
        if counter and few and chat.unread(request, counter, self._cache, self._split_over) <= LITTLE_NEW:
            return chat.parse(request, counter, self._cache, self._split_over)
        return await asyncio.get_running_loop().run_in_executor(self._working, self._parse, request)

    def _parse(self, request: chat.Request) -> chat.Chat:
        return chat.parse(request, self._counter(encoding_name(request.model)), self._cache, self._split_over)

    def _counter(self, name: str) -> TokenCounter:
        return self._counters.get(name) or self._counters.setdefault(name, TokenCounter(name))

    async def _selected(
        self, asked: Asked, parsed: chat.Chat, policy: Policy, budget: Budget, state: PruneState, trace: Trace
    ) -> Selection:
        size = len(asked.body)
        history = not_yet_read(parsed)
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
        wanted = [i for i, s in enumerate(history.segments) if s.role not in INSTRUCTIONS]
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


def not_yet_read(parsed: chat.Chat) -> History:
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


def shared_tokens(parsed: chat.Chat, rows: Sequence[chat.Row], tokens: Sequence[int], found: Found | None) -> int:
    """Return the tokens that this prompt and the conversation's previous one begin with."""
    if found is None:
        return 0
    standing = [
        i for i, s in enumerate(parsed.segments) if s.key[0] < found.messages and s.key not in found.state.dropped
    ]
    before = chat.layout(parsed, standing, excerpts(parsed, found.state))
    shared = parsed.fixed_tokens
    for new, old, size in zip(rows, before, tokens, strict=False):
        if new != old:
            break
        shared += size
    return shared
