"""Decides what to forward; the only caller of foveate.policies.prune."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from typing import ParamSpec, TypeVar

from msgspec import structs

from foveate.policies.policy import Policy
from foveate.policies.prune import plan, prune, sticky
from foveate.policies.types import INSTRUCTIONS, Budget, PruneState, Segment, Selection
from foveate.proxy.cache import Cache
from foveate.proxy.formats import chat
from foveate.proxy.formats.tokens import FALLBACK, TokenCounter, encoding_name, is_exact
from foveate.proxy.http.overrides import NONE
from foveate.proxy.http.refusals import TooLong
from foveate.proxy.http.usage import Usage
from foveate.proxy.pruning.asked import Asked, Decision
from foveate.proxy.pruning.calibration import Calibration
from foveate.proxy.pruning.outcome import Ledger, Outcome, Result
from foveate.proxy.pruning.state_store import Found, StateKeeper, chain, session_key
from foveate.proxy.pruning.windows import Window, Windows, model_table
from foveate.proxy.vectors.histories import Histories
from foveate.proxy.worker import FEW_SEGMENTS, LITTLE_NEW, MANY_MESSAGES

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("foveate.pruner")
# How deep to cut where an upstream refuses a prompt as too long, at the least.
DEEPER = 0.7
# From this share of the high watermark on, a history is embedded in the background, so that its first cut has vectors.
# The tenth that is left takes a few turns to fill, in which the model reads many times as much; most never come here.
AHEAD = 0.9


class Pruner:
    """Turns a request body into the body to forward. Never raises: on any fault the caller's bytes go on."""

    def __init__(
        self, mode: str, policy: str, policies: Mapping[str, Policy], windows: Windows, features: Histories,
        states: StateKeeper, cache: Cache, split_over: int, sticky: bool, read_all: bool,
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
        self._read_all = read_all
        self._calibration = Calibration()
        # One thread: where several compute, each waits for Python's lock, and so does the event loop.
        self._working = ThreadPoolExecutor(1, "prune")
        self._readers: dict[str, chat.Reader] = {}  # by vocabulary, of those that are loaded
        self.failures: dict[str, int] = {}
        self._failing = ""

    def start(self) -> None:
        """Read the commonest vocabulary and the model table ahead of the first request, in a thread."""
        self._working.submit(self._reader, FALLBACK)
        self._working.submit(model_table)

    def close(self) -> None:
        """End the worker thread."""
        self._working.shutdown()

    async def decide(self, asked: Asked) -> Decision:
        """Return what to forward."""
        if self._mode_of(asked) == "off":
            return Decision(asked.body, self._bare(asked, "off"))
        return await self._guarded(asked)

    def _bare(self, asked: Asked, result: Result) -> Outcome:
        """Return the outcome of a request that nothing is known of."""
        return Outcome(
            id=asked.id,
            created=int(time.time()),
            result=result,
            policy=self._policy_of(asked),
            milliseconds=asked.trace.milliseconds,
        )

    def _policy_of(self, asked: Asked) -> str:
        return asked.overrides.policy or self._default_policy

    async def _unread(self, asked: Asked, request: chat.Request) -> Decision | None:
        """Decide on a body whose size says that it is within the budget; None where it has to be read.

        Whoever steers with a header is told what it holds, and so is whoever keeps text for the page.
        """
        size = len(asked.body)
        if asked.overrides is not NONE or asked.rehearsal or self._read_all or self._mode != "on":
            return None
        window = await self._windows.window(request.model, size, asked.credentials)
        budget = self._budget(asked, request, window)
        scale = max(1.0, self._calibration.ratio(request.model))
        if size * scale > budget.high or chat.most_tokens(asked.body) * scale > budget.high:
            return None
        bare = self._bare(asked, "untouched")
        return Decision(asked.body, structs.replace(bare, model=request.model, window=window, budget=budget))

    def _budget(self, asked: Asked, request: chat.Request, window: Window) -> Budget:
        budget = asked.overrides.budget or self._windows.budget(window, request.max_output)
        if learned := self._windows.learned(request.model, request.max_output):
            budget = lowered(budget, learned.high, learned.low)
        return budget

    async def decide_again(self, asked: Asked, earlier: Outcome, refusal: TooLong) -> Decision | None:
        """Return a smaller prompt after the upstream's refusal of an earlier one, None where there is none."""
        if earlier.result == "untouched" and earlier.tokens_after is None:  # it was sent unread
            earlier = (await self._guarded(asked, sys.maxsize)).outcome
            whole = earlier.tokens_before  # all of it went, whatever would be cut with what is known now
            estimated = int((whole or 0) / self._calibration.ratio(earlier.model))
            earlier = structs.replace(earlier, tokens_after=whole, tokens_estimated=estimated)
        sent = earlier.tokens_after
        if sent is None or self._mode_of(asked) != "on" or earlier.result == "failed":
            return None
        if refusal.prompt:
            self._calibration.observe(earlier.model, earlier.tokens_estimated, refusal.prompt, is_exact(earlier.model))
        if refusal.window:
            self._windows.learn(earlier.model, refusal.window)
        decision = await self._guarded(asked, sent - 1)
        outcome = decision.outcome
        if outcome.result == "failed" or outcome.tokens_estimated >= earlier.tokens_estimated:
            return None
        return structs.replace(decision, outcome=structs.replace(outcome, resent=True))

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

    async def _guarded(self, asked: Asked, ceiling: int | None = None) -> Decision:
        try:
            return await self._decide(asked, ceiling)
        except Exception as error:  # the one place where a fault becomes "forward unchanged"
            stage = asked.trace.stage
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            if not asked.rehearsal:
                self._count_failure(asked.id, stage, reason)
            failed = structs.replace(self._bare(asked, "failed"), failure=stage, failure_reason=reason)
            return Decision(asked.body, failed)

    def _count_failure(self, request: str, stage: str, reason: str) -> None:
        self.failures[stage] = self.failures.get(stage, 0) + 1
        level = logging.DEBUG if stage == self._failing else logging.ERROR  # a lasting fault is told once
        _log.log(level, "%s: pruning failed at %s, forwarding unchanged: %s", request, stage, reason)
        self._failing = stage

    async def _decide(self, asked: Asked, ceiling: int | None) -> Decision:
        trace = asked.trace
        dry = self._mode_of(asked) == "dry-run"
        with trace.timed("parse"):
            request = chat.read(asked.body)
            if ceiling is None and (unread := await self._unread(asked, request)):
                return unread
            parsed = await self._parsed(request)
        with trace.timed("window"):
            window = await self._windows.window(request.model, parsed.tokens, asked.credentials)
            ratio = self._calibration.ratio(request.model)
            budget = self._budget(asked, request, window)
            if ceiling is not None:
                budget = lowered(budget, ceiling, int(ceiling * DEEPER))
        work = self._here if len(parsed.messages) <= MANY_MESSAGES else self._in_thread
        remembering = await work(Remembering, self._states, asked, parsed, self._sticky and not dry)
        found = await remembering.find()
        scaled = Budget(int(budget.high / ratio) - parsed.fixed_tokens, int(budget.low / ratio) - parsed.fixed_tokens)
        if parsed.tokens <= scaled.high + parsed.fixed_tokens:
            selection = sticky(parsed.segments, PruneState())
        else:
            state = found.state if found else PruneState()
            selection = await self._selected(asked, parsed, scaled, state)
            self._count_recalls(asked, selection, state)
        repeated = repeated_tokens(parsed, found)
        if parsed.tokens > AHEAD * scaled.high and not asked.rehearsal:
            seen = found.messages if found and repeated > AHEAD * scaled.high else 0
            self._features.prepare(asked.tenant, settled(parsed, seen))
        changed = bool(selection.state.dropped)
        body, estimated, shared = asked.body, parsed.tokens, repeated
        if changed or (found and found.state.dropped):
            with trace.timed("rebuild"):
                body, estimated, shared = await work(rebuilt, parsed, selection, found)
        if not dry and not asked.rehearsal:
            await remembering.keep(selection.state)
        self._failing = ""
        recalled = [parsed.segments[i].tokens for i in selection.recalled]
        outcome = Outcome(
            id=asked.id,
            created=int(time.time()),
            result="dry-run" if dry else "untouched" if not changed else "cut" if selection.cut else "sticky",
            policy=self._policy_of(asked),
            model=request.model,
            window=window,
            budget=budget,
            tokens_before=int(parsed.tokens * ratio),
            tokens_after=int(estimated * ratio),
            tokens_prefix=int(shared * ratio) if found else None,
            tokens_estimated=parsed.tokens if dry else estimated,
            tokens_repeated=int(repeated * ratio),
            tokens_recalled=sum(recalled),
            segments=len(parsed.segments),
            kept=len(selection.kept),
            recalled=len(recalled),
            milliseconds=trace.milliseconds,
        )
        ledger = Ledger(selection, [place.messages for place in parsed.places])
        return Decision(body if changed and not dry else asked.body, outcome, ledger)

    async def _parsed(self, request: chat.Request) -> chat.Chat:
        """Return the request's segments, read here where most of it is known, else in a thread."""
        name = encoding_name(request.model)
        reader = self._readers.get(name)
        if reader is None:
            reader = await self._in_thread(self._reader, name)
        found = reader.find(request)
        new = [raw for raw, known in zip(request.messages, found, strict=True) if known is None]
        if sum(map(len, new)) > LITTLE_NEW:
            learned: dict[bytes, chat.Known] = {}
            for some in slices(new, LITTLE_NEW):  # one at a time, so that other requests come between
                learned |= await self._in_thread(reader.learn, some)
            found = [known or learned.get(raw) for raw, known in zip(request.messages, found, strict=True)]
        work = self._here if len(request.messages) <= MANY_MESSAGES else self._in_thread
        return await work(reader.parse, request, found)

    def _reader(self, name: str) -> chat.Reader:
        return self._readers.get(name) or self._readers.setdefault(
            name, chat.Reader(TokenCounter(name), self._cache, self._split_over)
        )

    async def _selected(self, asked: Asked, parsed: chat.Chat, budget: Budget, state: PruneState) -> Selection:
        trace, policy = asked.trace, self._policies[self._policy_of(asked)]
        if plan(parsed.segments, parsed.query, policy, budget, state) == "sticky":
            return sticky(parsed.segments, state)
        history = await self._features.history(asked.tenant, parsed.segments, parsed.query, trace)
        with trace.timed("select"):
            much = len(parsed.segments) > FEW_SEGMENTS
            return await self._features.worker.run(much, prune, history, policy, budget, state)

    def _count_recalls(self, asked: Asked, selection: Selection, before: PruneState) -> None:
        fresh = selection.state.quoted - before.quoted
        if fresh and not asked.rehearsal and self._mode_of(asked) == "on":
            self._features.recalled(asked.tenant, [s for s in selection.segments if s.key in fresh])

    async def _here(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._working, lambda: function(*args, **kwargs))


class Remembering:
    """Finds and keeps the state of one request's conversation."""

    def __init__(self, states: StateKeeper, asked: Asked, parsed: chat.Chat, sticky: bool) -> None:
        self._states = states
        self._sticky = sticky and asked.overrides.sticky is not False and bool(parsed.messages)
        if self._sticky:
            self._ids = [m.id for m in parsed.messages]
            self._chain = chain(asked.tenant, parsed.links)
            self._session = session_key(asked.tenant, asked.overrides.session or "")
        self._found: Found | None = None

    async def find(self) -> Found | None:
        """Return the state of the longest known prefix."""
        if self._sticky:
            self._found = await self._states.find(self._chain, self._session, self._ids)
        return self._found

    async def keep(self, state: PruneState) -> None:
        """Store the state of the whole history."""
        if self._sticky:
            await self._states.keep(self._chain, self._session, self._ids, state, self._found)


def settled(parsed: chat.Chat, seen: int = 0) -> list[Segment]:
    """Return what later requests will hold as it is: all but the instructions and the latest user turn.

    Of a history whose first `seen` messages an earlier request had, from the turn on that was the latest then.
    """
    segments = parsed.segments
    start = bisect_left(segments, (seen, -1), key=attrgetter("key"))
    while start and segments[start := start - 1].role != "user":
        pass
    latest = next((s.key for s in reversed(segments) if s.role == "user"), None)
    return [s for s in segments[start:] if s.role not in INSTRUCTIONS and s.key != latest]


def slices(messages: Sequence[bytes], size: int) -> Iterator[list[bytes]]:
    """Yield runs of messages, one at least, of about so many bytes."""
    run: list[bytes] = []
    left = size
    for message in messages:
        if run and len(message) > left:
            yield run
            run, left = [], size
        run.append(message)
        left -= len(message)
    if run:
        yield run


def lowered(budget: Budget, high: int, low: int) -> Budget:
    """Return `budget` with neither watermark above the given ones."""
    return Budget(high=min(budget.high, high), low=min(budget.low, low))


def excerpts(parsed: chat.Chat, state: PruneState) -> dict[int, tuple[int, ...]]:
    """Return positions of the segments to quote, by the user message that they are quoted at."""
    if not state.quoted:
        return {}
    position = {s.key: i for i, s in enumerate(parsed.segments)}
    return {turn: tuple(position[key] for key in keys if key in position) for turn, keys in state.recalled.items()}


def rebuilt(parsed: chat.Chat, selection: Selection, found: Found | None) -> tuple[bytes, int, int]:
    """Return the body of what is left, its tokens, and how many of those the conversation's previous prompt had."""
    rows = chat.layout(parsed, selection.kept, excerpts(parsed, selection.state))
    body, tokens = chat.rebuild(parsed, rows)
    return body, parsed.fixed_tokens + sum(tokens), shared_tokens(parsed, rows, tokens, found)


def repeated_tokens(parsed: chat.Chat, found: Found | None) -> int:
    """Return the tokens of the whole history that the conversation's previous request had already."""
    return parsed.fixed_tokens + sum([m.tokens for m in parsed.messages[: found.messages]]) if found else 0


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
