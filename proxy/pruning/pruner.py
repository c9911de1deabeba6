"""Decides what to forward; the only caller of foveate.policies.prune."""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import attrgetter

from msgspec import structs

from foveate.policies.policy import Policy
from foveate.policies.prune import SCORED, Situation, selection_of
from foveate.policies.reasons.why import why
from foveate.policies.types import INSTRUCTIONS, History, Segment, Selection
from foveate.proxy.config.schema import Economy
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.formats.parser import Parser
from foveate.proxy.formats.wire.usage import Usage
from foveate.proxy.http.refusals import TooLong
from foveate.proxy.pruning.decision import decision_on
from foveate.proxy.pruning.draft import draft
from foveate.proxy.pruning.forgotten.recall import Forgotten
from foveate.proxy.pruning.grounds import Grounds, settled, situation_of, unread_characters
from foveate.proxy.pruning.limits.models import model_table
from foveate.proxy.pruning.limits.watermarks import Watermarks
from foveate.proxy.pruning.memory import Memory
from foveate.proxy.pruning.outcome import Outcome, Result
from foveate.proxy.pruning.record import Conversation, in_parts
from foveate.proxy.pruning.request import Decision, Mode, Request, Wanted
from foveate.proxy.pruning.thoughts import origins_of, without_strangers
from foveate.proxy.vectors import Owner
from foveate.proxy.vectors.histories import Histories
from foveate.proxy.worker import FEW_SEGMENTS, LARGE_BODY, LITTLE_NEW, MANY_ITEMS

_log = logging.getLogger("foveate.pruner")
# From this share of the high watermark on, a history is embedded in the background, so that its first
# cut has vectors. The tenth that is left takes a few turns to fill, in which the model reads many times
# as much; most never come here.
AHEAD = 0.9
# Tokens: a shorter prompt that is refused without a word was not too long for any chat model
MUTE = 2048


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of every request that says nothing else."""

    mode: Mode
    policy: str
    policies: Mapping[str, Policy]
    sticky: bool
    economy: Economy


@dataclass(frozen=True, slots=True)
class Means:
    """What a decision is made with, in its order."""

    parser: Parser
    watermarks: Watermarks
    memory: Memory
    histories: Histories
    forgotten: Forgotten | None = None  # None where memory is off


class RequestPruner:
    """Turns a request body into the body to forward. Never raises: on any fault the caller's bytes go
    on.
    """

    def __init__(self, rules: Rules, means: Means) -> None:
        self._rules = rules
        self._parser = means.parser
        self._watermarks = means.watermarks
        self._memory = means.memory
        self._histories = means.histories
        self._forgotten = means.forgotten
        self._worker = means.histories.worker
        self.failures: dict[str, int] = {}
        self._failing = ""

    def start(self) -> None:
        """Read the commonest vocabulary and the model table ahead of the first request, in the worker's
        thread.
        """
        self._parser.start()
        self._worker.submit(model_table)

    def inherit(self, earlier: RequestPruner) -> None:
        """Go on with what `earlier`, of other settings, has counted."""
        self.failures = earlier.failures

    async def decide(self, request: Request) -> Decision:
        """Return what to forward."""
        wanted = self._wanted(request)
        if wanted.mode == "off":
            return Decision(request.body, bare(request, wanted, "off"))
        return await self._guarded(request, wanted)

    async def rehearse(self, request: Request, policy: Policy) -> Decision:
        """Return what would be forwarded under a policy that no setting names."""
        return await self._guarded(request, structs.replace(self._wanted(request), policy=policy))

    async def decide_again(
        self, request: Request, earlier: Outcome, refusal: TooLong
    ) -> Decision | None:
        """Return a smaller prompt after the upstream's refusal of an earlier one, None where there is
        none.
        """
        wanted = self._wanted(request)
        sent = earlier.tokens_after
        if sent is None or wanted.mode != "on" or earlier.result == "failed":
            return None
        if not refusal.said and sent < MUTE:
            return None
        self._watermarks.refused(request, earlier, refusal)
        decision = await self._guarded(request, structs.replace(wanted, ceiling=sent - 1))
        outcome = decision.outcome
        if outcome.result == "failed" or outcome.tokens_estimated >= earlier.tokens_estimated:
            return None
        return structs.replace(decision, outcome=structs.replace(outcome, resent="length"))

    async def decide_without_reasoning(self, request: Request, earlier: Outcome) -> Decision | None:
        """Return the prompt less its bound reasoning after the upstream's refusal of that, None where
        it has none.
        """
        wanted = self._wanted(request)
        if wanted.mode != "on" or earlier.result == "failed":
            return None
        decision = await self._guarded(request, structs.replace(wanted, distrusted=True))
        if decision.outcome.result == "failed" or decision.body == request.body:
            return None
        return structs.replace(decision, outcome=structs.replace(decision.outcome, resent="reasoning"))

    async def settled(self) -> None:
        """Return once what was decided is where other workers look."""
        await self._memory.settled()
        if self._forgotten:
            await self._forgotten.settled()

    def learn(self, request: Request, outcome: Outcome, usage: Usage) -> None:
        """Take in what the upstream counted."""
        self._watermarks.learn(request, outcome, usage)

    def _wanted(self, request: Request) -> Wanted:
        asked, rules = request.overrides, self._rules
        mode = asked.mode or rules.mode
        if request.rehearsal:
            mode = "off" if asked.mode == "off" else "on"
        sticky = (rules.sticky if asked.sticky is None else asked.sticky) and mode != "dry-run"
        policy = rules.policies[asked.policy or rules.policy]
        budgeted = asked.budget is not None
        thrifty = asked.thrifty or (rules.economy.enabled and not budgeted)
        return Wanted(mode, policy, asked.policy is not None, sticky, budgeted, thrifty=thrifty)

    async def _guarded(self, request: Request, wanted: Wanted) -> Decision:
        try:
            decision = await self._decide(request, wanted)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        # The one place where a fault becomes "forward unchanged", native panics too
        except BaseException as error:
            return self._failed(request, wanted, error)
        self._failing = ""
        return decision

    def _failed(self, request: Request, wanted: Wanted, error: BaseException) -> Decision:
        stage = request.trace.stage
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if not request.rehearsal:
            self.failures[stage] = self.failures.get(stage, 0) + 1
            # A lasting fault is told once
            level = logging.DEBUG if stage == self._failing else logging.ERROR
            _log.log(
                level, "%s: pruning failed at %s, forwarding unchanged: %s", request.id, stage, reason
            )
            self._failing = stage
        told = structs.replace(bare(request, wanted, "failed"), failure=stage, failure_reason=reason)
        return Decision(request.body, told)

    async def _decide(self, request: Request, wanted: Wanted) -> Decision:
        trace = request.trace
        with trace.timed("parse"):
            outline = await self._parser.read(request.format, request.body, request.tenant)
            if outline.stays:
                told = structs.replace(bare(request, wanted, "untouched"), model=outline.model)
                return Decision(request.body, told)
            if not outline.model and request.model:
                outline = structs.replace(outline, model=request.model)
            parsed = await self._parser.parse(request.format, outline, request.tenant)
        with trace.timed("window"):
            limits = await self._watermarks.of(request, wanted, parsed)
        session = request.overrides.session or ""
        conversation = Conversation(request.tenant, parsed.links, parsed.items, session, outline.model)
        earlier = await self._memory.recall(conversation) if wanted.sticky else None
        earlier = earlier and in_parts(earlier, parsed.segments)
        whose = None
        if self._forgotten:
            parsed, whose = await self._forgotten.recall(request, wanted, parsed, limits, earlier)
        many = len(parsed.items) > MANY_ITEMS
        origins = await self._worker.run(many, origins_of, parsed, earlier, wanted.distrusted)
        grounds = Grounds(wanted, parsed, limits, earlier, origins, now=time.time())
        much = unread_characters(parsed, earlier) > LITTLE_NEW
        situation, rent = await self._worker.run(much, situation_of, grounds, self._rules.economy)
        selection = await self._selection(request, grounds, situation, conversation.name)
        selection = await self._worker.run(
            many, without_strangers, parsed, selection, situation.state, origins
        )
        self._prepare(request, grounds)
        with trace.timed("rebuild"):
            much = many or len(request.body) > LARGE_BODY
            prompt = await self._worker.run(much, draft, request.format, parsed, selection, earlier)
        decision = decision_on(request, grounds, selection, prompt)
        if wanted.sticky and not request.rehearsal:
            await self._memory.keep(conversation, settled(grounds, selection, rent))
        if self._forgotten and whose and not request.rehearsal:
            self._forgotten.keep(request, parsed, whose)
        return decision

    async def _selection(
        self, request: Request, grounds: Grounds, situation: Situation, name: str
    ) -> Selection:
        if situation.plan() not in SCORED:
            return selection_of(situation)
        parsed, policy = grounds.parsed, situation.policy
        history = await self._histories.history(
            Owner(request.tenant, name), parsed.segments, parsed.query, request.trace, policy.whole
        )
        with request.trace.timed("select"):
            much = len(parsed.segments) > FEW_SEGMENTS
            work = selection_and_why if request.rehearsal else selection_of
            selection = await self._worker.run(much, work, situation, history)
        fresh = selection.state.quoted - situation.state.quoted
        if fresh and grounds.wanted.mode == "on" and not request.rehearsal:
            self._histories.recalled(request.tenant, [s for s in selection.segments if s.key in fresh])
        return selection

    def _prepare(self, request: Request, grounds: Grounds) -> None:
        """Have a history that nears its first cut embedded in the background."""
        near = AHEAD * grounds.limits.room.high
        parsed, earlier = grounds.parsed, grounds.earlier
        if parsed.tokens - parsed.fixed_tokens <= near or request.rehearsal:
            return
        known = earlier.items if earlier else 0
        nearing = sum([item.tokens for item in parsed.items[:known]]) <= near
        self._histories.prepare(request.tenant, lasting(parsed, 0 if nearing else known))


def selection_and_why(situation: Situation, history: History) -> Selection:
    """Return a selection with all that led to it."""
    selection = selection_of(situation, history)
    low = situation.budget.low if situation.early is None else situation.early
    return replace(selection, why=why(history, situation.policy, selection, low))


def bare(request: Request, wanted: Wanted, result: Result) -> Outcome:
    """Return the outcome of a request that nothing is known of."""
    milliseconds = dict(request.trace.milliseconds)
    now = int(time.time())
    policy, api = wanted.policy.name, request.format.name
    return Outcome(
        id=request.id, created=now, result=result, policy=policy, api=api, milliseconds=milliseconds
    )


def lasting(parsed: Parsed, seen: int) -> list[Segment]:
    """Return what later requests will hold as it is: all but the instructions and the latest user turn.

    Of a history whose first `seen` items an earlier request had, from the turn on that was the latest
    then.
    """
    segments = parsed.segments
    start = bisect_left(segments, (seen, -1, -1), key=attrgetter("key"))
    while start > 0:
        start -= 1
        if segments[start].role == "user":
            break
    latest = next((s.key for s in reversed(segments) if s.role == "user"), None)
    return [s for s in segments[start:] if s.role not in INSTRUCTIONS and s.key != latest]
