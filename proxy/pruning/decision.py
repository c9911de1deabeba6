"""What is told of a decision: an outcome, made of all that led to it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from typing import NamedTuple

from foveate.policies.types import PruneState, Segment, Selection
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.pruning.draft import Draft
from foveate.proxy.pruning.grounds import Grounds, decider
from foveate.proxy.pruning.outcome import Ledger, Outcome, Result
from foveate.proxy.pruning.request import Decision, Request

_guessed = attrgetter("guessed")


def decision_on(request: Request, grounds: Grounds, selection: Selection, draft: Draft) -> Decision:
    """Return what to forward and what to tell of it."""
    dry = grounds.wanted.mode == "dry-run"
    outcome = _outcome_of(request, grounds, selection, draft)
    parsed = grounds.parsed
    places = [place.items for place in parsed.places]
    ledger = Ledger(selection, places, parsed.desk, parsed.query)
    return Decision(request.body if dry else draft.body, outcome, ledger)


def _outcome_of(request: Request, grounds: Grounds, selection: Selection, draft: Draft) -> Outcome:
    """Return all that is known of a request once it is decided."""
    parsed, limits = grounds.parsed, grounds.limits
    recalled = [parsed.segments[i].tokens for i in selection.recalled]
    thoughts = thoughts_of(parsed.segments, selection.state) if parsed.thinks else NO_THOUGHTS
    return Outcome(
        id=request.id,
        created=int(time.time()),
        result=result_of(grounds, selection, draft),
        policy=decider(grounds, selection),
        api=request.format.name,
        model=parsed.outline.model,
        window=limits.window,
        budget=limits.budget,
        tokens_before=limits.counted(parsed.tokens - parsed.forgotten_tokens),
        tokens_after=limits.counted(draft.tokens),
        tokens_prefix=limits.counted(draft.shared) if grounds.earlier else None,
        tokens_estimated=parsed.tokens if grounds.wanted.mode == "dry-run" else draft.tokens,
        guessed=parsed.outline.edited or any(map(_guessed, parsed.items)),
        narrowed=limits.narrowed,
        tokens_repeated=limits.counted(draft.repeated),
        tokens_recalled=sum(recalled) + sum([e.tokens for e in selection.state.extracted]),
        tokens_born=_shortened(selection, born=True),
        tokens_cut=_shortened(selection, born=False),
        conversation=conversation_of(request, parsed),
        thought_kept=thoughts.kept,
        thought_lost=thoughts.lost,
        segments=len(parsed.segments),
        kept=len(selection.kept),
        recalled=len(recalled),
        remembered=sum([len(said) for said in parsed.forgotten.values()]),
        tokens_remembered=limits.counted(parsed.forgotten_tokens),
        late=request.trace.late,
        milliseconds=dict(request.trace.milliseconds),
    )


class Thoughts(NamedTuple):
    """Tokens of the reasoning in a history, by what became of it."""

    kept: int
    lost: int


NO_THOUGHTS = Thoughts(0, 0)


def thoughts_of(segments: Sequence[Segment], state: PruneState) -> Thoughts:
    """Return how much of a history's reasoning goes on, and how much does not."""
    having = [s for s in segments if s.thought]
    lost = sum([s.thought for s in having if s.key in state.dropped or s.key in state.bare])
    return Thoughts(sum([s.thought for s in having]) - lost, lost)


def conversation_of(request: Request, parsed: Parsed) -> str:
    """Return a name for a request's conversation: of its session, else of its beginning up to the first
    user turn, which all its requests share.
    """
    session = request.overrides.session
    if not session and not parsed.links:
        return ""
    first = next((s.key[0] for s in parsed.segments if s.role == "user"), 0)
    named = f"{request.tenant}:{session}" if session else f"{request.tenant}.{parsed.links[first]}"
    return hashlib.blake2b(named.encode(), digest_size=6, person=b"foveate-talk").hexdigest()


def _shortened(selection: Selection, born: bool) -> int:
    """Return the tokens that results in the prompt take less, for what was decided at their first
    appearance or not.
    """
    state = selection.state
    if not state.shown:
        return 0
    some = replace(
        state, shown={key: shown for key, shown in state.shown.items() if shown.born == born}
    )
    return some.saved([selection.segments[i] for i in selection.kept])


def result_of(grounds: Grounds, selection: Selection, draft: Draft) -> Result:
    """Return what was done, in a word."""
    if grounds.wanted.mode == "dry-run":
        return "dry-run"
    if draft.tokens > grounds.limits.room.high + grounds.parsed.fixed_tokens:
        return "over"
    if not selection.state.changes:
        return "remembered" if grounds.parsed.forgotten else "untouched"
    if selection.cut:
        return "cut"
    born = all(shown.born for shown in selection.state.shown.values())
    return (
        "shortened" if born and not selection.state.dropped and not selection.state.bare else "sticky"
    )
