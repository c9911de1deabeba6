"""When a cut is made that nothing forces: where it will be forced soon and is free now, or where it
pays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from foveate.policies.cut import latest_turn
from foveate.policies.pins import required
from foveate.policies.prune import Situation
from foveate.policies.types import Segment
from foveate.proxy.config import schema as config
from foveate.proxy.pruning.prices import Rates

NEAR = 0.97  # of the high watermark: from there on the next cut is not far, whoever counts
TURNS = 5  # user turns whose growth tells how much the next one takes


@dataclass(frozen=True, slots=True)
class Moment:
    """What the time of a request says: how long the conversation was silent, and what keeping all has
    cost so far.
    """

    idle: float = 0.0  # seconds since its previous request
    rent: float = 0.0  # fresh tokens paid since the last cut for what could have gone
    rates: Rates | None = None  # None where the model's prices are not known


@dataclass(frozen=True, slots=True)
class Timing:
    """What the moment asks for."""

    low: int | None  # tokens of the history to cut to; None for no cut
    rent: float  # paid since the last cut, this request included


def timing_of(situation: Situation, moment: Moment, economy: config.Economy, thrifty: bool) -> Timing:
    """Return whether to cut now, though the prompt is within its budget; where the caller is `thrifty`,
    for money too.

    Inside a tool loop a cut would take the reasoning of the turn under way, so none is made for bound
    reasoning there.
    """
    size, budget = situation.prompt(), situation.budget
    near = size > NEAR * budget.high
    short = lacks_room(situation, size)
    if not (near or short or thrifty):
        return Timing(None, moment.rent)
    settled = ends_with_user(situation.segments)
    bound = any(s.bound for s in situation.segments)
    if bound and not settled:
        return Timing(None, moment.rent)
    cold = moment.rates is not None and moment.idle > moment.rates.lifetime
    stays = staying(situation.segments)
    if short and not bound and stays < budget.low:
        return Timing(budget.low, 0.0)
    # Else all that can go would go, each time that the conversation was silent
    free = cold and stays < budget.low
    if near and (free or (bound and size + growth(situation.segments) > budget.high)):
        return Timing(budget.low, 0.0)
    return bought(size, moment, economy, cold, stays) if thrifty else Timing(None, moment.rent)


def lacks_room(situation: Situation, size: int) -> bool:
    """Say whether the latest turn asks for something of which less can be quoted than it may have.

    The next cut is not far then, and one that is made now is made for what the turn asks.
    """
    recall, budget = situation.policy.recall, situation.budget
    allowance = recall.allowance(budget.high)
    if size + allowance <= budget.high or budget.low + 2 * allowance > budget.high:
        return False
    if situation.plan() != "recall" or not ends_with_user(situation.segments):
        return False
    return size + recall.room(situation.turn, budget.high) > budget.high


def bought(size: int, moment: Moment, economy: config.Economy, cold: bool, stays: int = 0) -> Timing:
    """Return whether a cut pays: rent or buy (Karlin et al. 1988), for a history of `size` tokens, some
    of which stay.

    What could go costs its cached price at each request; it goes once what was paid for it since the
    last cut reaches what the cut costs, and at once where the cache is cold.
    """
    low = max(economy.floor, stays + int(economy.keep * (size - stays)))
    if moment.rates is None or size - low < economy.least:
        return Timing(None, moment.rent)
    read, write = moment.rates.read, moment.rates.write
    rent = moment.rent + read * (size - low)
    if cold or rent >= max(0.0, write * low - read * size):
        return Timing(low, 0.0)
    return Timing(None, rent)


def staying(segments: Sequence[Segment]) -> int:
    """Return the tokens of what no cut takes: instructions, the latest user turn with what stands beside
    it, the end, what a format pins.
    """
    return sum([segments[i].tokens for i in required(segments)])


def ends_with_user(segments: Sequence[Segment]) -> bool:
    """Say whether the user has the last word: no tool loop is open."""
    return bool(segments) and segments[-1].key[0] == latest_turn(segments)


def growth(segments: Sequence[Segment]) -> int:
    """Return the tokens that a user turn takes with all that follows it, the median of the latest ones."""
    sizes: Counter[int] = Counter()
    for segment in segments:
        sizes[segment.turn] += segment.tokens
    latest = segments[-1].turn
    earlier = [sizes[turn] for turn in sorted(sizes) if 0 < turn < latest]
    return int(median(earlier[-TURNS:])) if earlier else 0
