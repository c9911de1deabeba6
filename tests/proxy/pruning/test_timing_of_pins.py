"""Cuts that nothing forces: never of what little there is beside what has to stay."""

from __future__ import annotations

import pytest

from foveate.policies.policy import Policy
from foveate.policies.prune import Situation
from foveate.policies.recall import Turn
from foveate.policies.types import Budget, Segment
from foveate.proxy.config.policies import build_policy
from foveate.proxy.config.schema import Economy, PolicySettings
from foveate.proxy.pruning.prices import Rates
from foveate.proxy.pruning.timing import Moment, Timing, staying, timing_of
from support.conversations import segment

POLICY: Policy = build_policy("balanced", PolicySettings(preset="balanced"))
RATES = Rates(read=0.25, write=1.0, lifetime=300)
WARM, COLD = Moment(0.0, 0.0, RATES), Moment(301.0, 0.0, RATES)
ECONOMY = Economy(enabled=True)


def talk(instructions: int, turns: int) -> list[Segment]:
    """Return instructions of so many tokens, and turns of 1000 each."""
    said = [segment("Be kind.", role="system", tokens=instructions, turn=0)]
    for n in range(turns):
        said.append(segment("why?", tokens=500, turn=n + 1, key=(2 * n + 1, 0, -1)))
        said.append(segment("so", role="assistant", tokens=500, turn=n + 1, key=(2 * n + 2, 0, -1)))
    return [*said, segment("and now?", tokens=100, turn=turns + 1, key=(2 * turns + 1, 0, -1))]


def timing(segments: list[Segment], moment: Moment, budget: Budget, thrifty: bool = False) -> Timing:
    """Return what the moment asks for."""
    size = sum(s.tokens for s in segments)
    return timing_of(
        Situation(segments, Turn("and now?"), size, POLICY, budget), moment, ECONOMY, thrifty
    )


def test_what_no_cut_takes_is_counted() -> None:
    assert staying(talk(90_000, 3)) == 90_100
    assert staying([]) == 0


@pytest.mark.parametrize("moment", [WARM, COLD])
def test_long_instructions_are_no_reason_to_cut_a_short_history_for_money(moment: Moment) -> None:
    assert timing(talk(90_000, 3), moment, Budget(200_000, 120_000), thrifty=True).low is None


def test_a_cut_for_money_leaves_a_share_of_what_could_go() -> None:
    found = timing(talk(90_000, 50), COLD, Budget(200_000, 120_000), thrifty=True)
    assert found.low == 90_100 + 0.4 * 50_000


def test_near_the_budget_a_silence_is_a_time_to_cut() -> None:
    assert timing(talk(10_000, 50), COLD, Budget(61_000, 40_000)).low == 40_000
    assert timing(talk(10_000, 50), WARM, Budget(61_000, 40_000)).low is None


def test_a_silence_is_none_where_all_that_can_go_would_go() -> None:
    assert timing(talk(50_000, 10), COLD, Budget(64_000, 40_000)).low is None
