"""Brings back what a turn needs and its client no longer sends, and keeps what it sends now."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from foveate.policies.policy import Policy
from foveate.policies.prune import Situation
from foveate.policies.types import INSTRUCTIONS, Segment
from foveate.proxy.archive import Passage, Trail
from foveate.proxy.archive.archive import Archive
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.pruning.forgotten.quoting import (
    choose,
    placed,
    quoting,
    some,
    standing_quotes,
    trail_of,
)
from foveate.proxy.pruning.grounds import Grounds, standing
from foveate.proxy.pruning.limits.watermarks import Limits
from foveate.proxy.pruning.record import Recollection
from foveate.proxy.pruning.request import Request, Wanted
from foveate.proxy.vectors import Owner
from foveate.proxy.vectors.histories import Histories
from foveate.proxy.worker import FEW_SEGMENTS

NEAREST = 64  # segments of other conversations that a search brings in


@dataclass(frozen=True, slots=True)
class Whose:
    """The conversation of a request, as it is kept."""

    found: Passage
    trail: Trail


def room_in(grounds: Grounds) -> float:
    """Return the tokens that the latest turn may be told: no more than is left of the budget by the
    prompt as it stands, so that none is cut for what is quoted in it.
    """
    parsed, high, policy = grounds.parsed, grounds.limits.room.high, grounds.wanted.policy
    size, turns = parsed.tokens - parsed.fixed_tokens, parsed.outline.turns
    state, budget = standing(grounds), grounds.limits.room
    stands = Situation(parsed.segments, parsed.turn, size, policy, budget, state, turns=turns).size()
    left = high - stands if stands < high else math.inf  # a cut will make room
    return policy.recall.room(parsed.turn, high, left)


class Forgotten:
    """Searches what is kept of a conversation, where its settings say so of the caller's others too."""

    def __init__(self, archive: Archive, histories: Histories, others: bool) -> None:
        self._archive = archive
        self._histories = histories
        self._others = others

    async def recall(
        self,
        request: Request,
        wanted: Wanted,
        parsed: Parsed,
        limits: Limits,
        earlier: Recollection | None,
    ) -> tuple[Parsed, Whose | None]:
        """Return a request with what its turns need of earlier ones, and whose it is; None where
        nothing is to be kept of it.

        `earlier` is what was decided of its conversation.
        """
        if request.overrides.remember is False:
            return parsed, None
        trail = trail_of(request, parsed)
        turns = [i for i, item in enumerate(parsed.items) if item.blocks[-1].role == "user"]
        with request.trace.timed("memory"):
            items = {parsed.items[i].id for i in turns}
            found = await self._archive.find(request.tenant, trail, items)
        if found is None:
            return parsed, None
        quotes = standing_quotes(parsed, turns, found, earlier) if wanted.sticky else {}
        latest = len(parsed.items) - 1
        asks = latest in turns and not (wanted.sticky and parsed.items[latest].id in found.quotes)
        whose = Whose(found, trail)
        if asks and not parsed.outline.settled and wanted.policy.recall.wanted(parsed.turn):
            quoted = quoting(parsed, some(quotes))
            room = room_in(Grounds(wanted, quoted, limits, earlier, {}, 0.0))
            chosen = await self._needed(request, wanted.policy, parsed, room, found.conversation)
            if chosen and not await self._noted(request, wanted, parsed, whose, chosen):
                chosen = ()
            quotes = {**quotes, latest: chosen}
        return quoting(parsed, some(quotes)), whose

    def keep(self, request: Request, parsed: Parsed, whose: Whose) -> None:
        """Keep what a request has sent, in the background."""
        lasting = [s for s in parsed.segments if s.role not in INSTRUCTIONS and s.text.strip()]
        if lasting and lasting[-1].role != "user":  # what is still to grow is kept once it is whole
            lasting = lasting[:-1]
        self._archive.keep(request.tenant, whose.found.conversation, lasting, whose.trail)
        self._histories.prepare(request.tenant, lasting)

    async def settled(self) -> None:
        """Return once what requests have sent is kept where other workers look."""
        await self._archive.settled()

    async def _noted(
        self, request: Request, wanted: Wanted, parsed: Parsed, whose: Whose, chosen: Sequence[Segment]
    ) -> bool:
        """Say whether later requests will quote the same, or need not."""
        if request.rehearsal or not wanted.sticky:
            return True
        item = parsed.items[-1].id
        return await self._archive.quote(request.tenant, whose.found.conversation, item, chosen)

    async def _needed(
        self, request: Request, policy: Policy, parsed: Parsed, room: float, conversation: str
    ) -> tuple[Segment, ...]:
        """Return what the latest turn needs of what is kept, oldest first, within `room` tokens."""
        with request.trace.timed("memory"):
            present = {s.id for s in parsed.segments}
            own = await self._archive.forgotten(request.tenant, conversation, present)
            skipped = present | {s.id for s in own}
            others = await self._elsewhere(request, parsed.query, skipped) if self._others else []
        pool = [s for s in (*others, *own) if s.text != parsed.query]
        if not pool:
            return ()
        history = await self._histories.history(
            Owner(request.tenant, conversation),
            (*placed(pool), *parsed.segments),
            parsed.query,
            request.trace,
            policy.whole,
        )
        much = len(history.segments) > FEW_SEGMENTS
        chosen = await self._histories.worker.run(
            much, choose, history, policy, range(len(pool)), parsed.turn, room
        )
        return tuple([pool[i] for i in chosen])

    async def _elsewhere(self, request: Request, query: str, skipped: Collection[str]) -> list[Segment]:
        """Return what was said in a caller's other conversations about the like, with its surroundings."""
        like = await self._histories.similar(request.tenant, query, NEAREST + len(skipped))
        ids = [i for i in like if i not in skipped][:NEAREST]
        around = await self._archive.around(request.tenant, ids)
        return list({s.segment.id: s.segment for s in around if s.segment.id not in skipped}.values())
