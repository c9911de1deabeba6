"""What is known of a request ahead of its decision, and what is remembered after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from foveate.policies.cut import latest_turn
from foveate.policies.prune import Situation
from foveate.policies.results.birth import Newborn, births, new_results
from foveate.policies.types import PruneState, Segment, Selection
from foveate.proxy.config.schema import Economy
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.pruning.limits.watermarks import Limits
from foveate.proxy.pruning.prices import rates_of
from foveate.proxy.pruning.record import Recollection, Record, aside
from foveate.proxy.pruning.request import Wanted
from foveate.proxy.pruning.thoughts import Origins
from foveate.proxy.pruning.timing import Moment, timing_of


@dataclass(frozen=True, slots=True)
class Grounds:
    """What is known of a request ahead of its decision."""

    wanted: Wanted
    parsed: Parsed
    limits: Limits
    # None where nothing is known of the conversation, or nothing of it is to hold
    earlier: Recollection | None
    origins: Origins
    now: float  # seconds since the epoch


def situation_of(grounds: Grounds, economy: Economy) -> tuple[Situation, float]:
    """Return what is to be decided, and the rent that is paid since the last cut."""
    parsed, limits, wanted = grounds.parsed, grounds.limits, grounds.wanted
    size = parsed.tokens - parsed.fixed_tokens
    situation = Situation(
        parsed.segments,
        parsed.turn,
        size,
        wanted.policy,
        limits.room,
        with_births(grounds, standing(grounds)),
        insists=parsed.outline.insists,
        summed_up=parsed.summed_up,
        reader=parsed.desk,
        turns=parsed.outline.turns,
        carrier=carrier(grounds) if wanted.sticky else None,
    )
    forced = situation.plan() == "cut"
    held = parsed.outline.settled and not (forced and insisted(grounds))
    if held or (forced and limits.edited):
        return replace(situation, settled=True), 0.0
    if forced or not wanted.sticky or (limits.edited and not wanted.thrifty):
        return situation, 0.0
    timing = timing_of(situation, moment_of(grounds, economy), economy, wanted.thrifty)
    return situation if timing.low is None else replace(situation, early=timing.low), timing.rent


def insisted(grounds: Grounds) -> bool:
    """Say whether a prompt over the limit cannot go: the caller has set it, or the upstream has refused
    more.
    """
    return grounds.wanted.budgeted or grounds.wanted.ceiling is not None


def moment_of(grounds: Grounds, economy: Economy) -> Moment:
    """Return what the time of a request says."""
    rates = rates_of(grounds.parsed.outline.model, economy)
    earlier = grounds.earlier
    if earlier is None:
        return Moment(rates=rates)
    return Moment(max(0.0, grounds.now - earlier.at), earlier.rent, rates)


def standing(grounds: Grounds) -> PruneState:
    """Return the decisions that hold.

    None where another model answers, whose cache is cold, but for results that were shortened at their
    first appearance, unless nothing is to be decided; and none of another policy's where the caller insists on one.
    """
    earlier = grounds.earlier
    if earlier is None:
        return PruneState()
    if of_another_model(grounds, earlier):
        return PruneState(
            shown={key: shown for key, shown in earlier.state.shown.items() if shown.born}
        )
    if of_another_policy(grounds, earlier):
        return PruneState()
    return with_its_end(earlier.state, grounds.parsed.segments)


def of_another_model(grounds: Grounds, earlier: Recollection) -> bool:
    """Say whether decisions are of a model that is not asked now."""
    outline = grounds.parsed.outline
    return earlier.model != outline.model and not outline.settled


def of_another_policy(grounds: Grounds, earlier: Recollection) -> bool:
    """Say whether decisions are of a policy beside which the caller insists on its own."""
    wanted = grounds.wanted
    return wanted.insisted and earlier.policy not in ("", wanted.policy.name)


def with_its_end(state: PruneState, segments: Sequence[Segment]) -> PruneState:
    """Return decisions less those that would leave out the latest user turn or the newest segment.

    There are such only in a session that goes back to an earlier point, as one does that has an answer
    made anew: there those were in the middle.
    """
    if not state.dropped or not segments:
        return state
    turn = latest_turn(segments)
    ends = [s.key for s in segments if s.key[0] == turn] if turn >= 0 else []
    back = state.dropped.intersection([*ends, segments[-1].key])
    return replace(state, dropped=state.dropped - back) if back else state


def with_births(grounds: Grounds, state: PruneState) -> PruneState:
    """Return the decisions that hold, and what becomes of results that no model has read yet.

    Nothing where this request is not remembered: the next one would send other bytes in their place.
    """
    parsed, wanted = grounds.parsed, grounds.wanted
    if not wanted.sticky or parsed.outline.settled:
        return state
    known = grounds.earlier.items if grounds.earlier else 0
    high = int(grounds.limits.budget.high / grounds.limits.ratio)
    rules = wanted.policy.results
    born = births(Newborn(parsed.segments, parsed.query, state, known), high, rules, parsed.desk)
    return replace(state, shown={**state.shown, **born}) if born else state


def carrier(grounds: Grounds) -> int | None:
    """Return the position of the newest item, None where a model has read it or it can carry no
    excerpts.

    What can is a text that a tool has returned to the model, or the user's turn.
    """
    items, earlier = grounds.parsed.items, grounds.earlier
    if not items or not items[-1].blocks or (earlier and earlier.items >= len(items)):
        return None
    newest = len(items) - 1
    block = items[-1].blocks[-1]
    if block.role == "user":
        return newest
    address = newest, len(items[-1].blocks) - 1
    return newest if block.told and not grounds.parsed.read_by_code(address) else None


def unread_characters(parsed: Parsed, earlier: Recollection | None) -> int:
    """Return how long the results are that no model has read yet."""
    known = earlier.items if earlier else 0
    return sum([len(result.text) for result in new_results(parsed.segments, known)])


def settled(grounds: Grounds, selection: Selection, rent: float) -> Recollection:
    """Return what is to be remembered of a decision."""
    earlier, parsed = grounds.earlier, grounds.parsed
    items, model = len(parsed.items), parsed.outline.model
    if earlier and selection.state is earlier.state and grounds.origins is earlier.origins:
        kept = replace(earlier, items=items, at=grounds.now, rent=rent)
        return replace(kept, opening=parsed.opening, quoting=tuple(parsed.forgotten))
    policy = decider(grounds, selection) if selection.state.changes else ""
    return Recollection(
        items,
        selection.state,
        policy,
        model,
        grounds.origins,
        grounds.now,
        rent,
        beside=other_models(earlier, model),
        opening=parsed.opening,
        quoting=tuple(parsed.forgotten),
    )


def other_models(earlier: Recollection | None, model: str) -> Record | None:
    """Return what is known of the model that was asked before this one."""
    if earlier is None:
        return None
    return earlier.beside if earlier.model == model else aside(earlier.record)


def decider(grounds: Grounds, selection: Selection) -> str:
    """Return the name of the policy whose decision this is: that of an earlier cut where it still
    serves.
    """
    earlier = grounds.earlier
    serves = earlier is not None and selection.state.changes and not selection.cut
    if earlier is None or not serves or cannot_serve(grounds, earlier):
        return grounds.wanted.policy.name
    return earlier.policy or grounds.wanted.policy.name


def cannot_serve(grounds: Grounds, earlier: Recollection) -> bool:
    """Say whether the request is decided afresh, whatever was decided earlier."""
    return of_another_model(grounds, earlier) or of_another_policy(grounds, earlier)
