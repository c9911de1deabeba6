"""When a cut is made that nothing forces."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.policies.policy import Policy
from foveate.policies.prune import Situation
from foveate.policies.selectors.greedy import Greedy
from foveate.policies.types import Budget, PruneState, Segment
from foveate.proxy.config.schema import Economy
from foveate.proxy.pruning.prices import Rates
from foveate.proxy.pruning.timing import (
    Moment,
    Timing,
    bought,
    ends_with_user,
    growth,
    staying,
    timing_of,
)
from support.conversations import segment, situation

RATES = Rates(read=0.1, write=1.25, lifetime=300)
ECONOMY = Economy(keep=0.4, floor=1000, least=500)
NO_CUT = Timing(None, 0.0)


def turns(count: int, tokens: int = 100, bound: bool = False, open_loop: bool = False) -> list[Segment]:
    """Return so many user turns of that size, each less the last with its answer."""
    made = []
    for n in range(count):
        made.append(segment("and?", tokens=tokens // 2, turn=n + 1, key=(2 * n, 0, -1)))
        answer = {"tokens": tokens // 2, "role": "assistant", "turn": n + 1, "key": (2 * n + 1, 0, -1)}
        made.append(segment("so", **answer, thought=10 if bound else 0, bound=bound))
    return made if open_loop else made[:-1]


def near(segments: Sequence[Segment], high: int, low: int = 300) -> Situation:
    return situation(segments, "and?", Policy("p", (), Greedy()), Budget(high, low), PruneState())


def timed(given: Situation, moment: Moment, thrifty: bool = False) -> Timing:
    return timing_of(given, moment, ECONOMY, thrifty)


def test_the_growth_of_a_turn_is_the_median_of_the_latest_ones() -> None:
    assert growth(turns(8)) == 100
    long = segment("long", tokens=5000, turn=3, key=(99, 0, -1))
    assert growth([*turns(8)[:6], long, *turns(8)[6:]]) == 100
    assert growth(turns(1)) == 0


def test_what_stands_ahead_of_the_first_turn_is_no_growth() -> None:
    standing = segment("be patient", tokens=9000, role="system", turn=0, key=(0, 0, -1))
    assert growth([standing, *turns(4)]) == 100


def test_the_user_has_the_last_word_or_a_loop_is_open() -> None:
    assert ends_with_user(turns(3))
    assert not ends_with_user(turns(3, open_loop=True))
    assert not ends_with_user([])


def test_a_cut_that_the_coming_loop_would_force_is_made_at_the_users_turn() -> None:
    found = timed(near(turns(10, bound=True), high=970), Moment())
    assert found == Timing(300, 0.0)
    assert timed(near(turns(10, bound=True), high=1100), Moment()) == NO_CUT  # a turn more fits
    assert timed(near(turns(10), high=970), Moment()) == NO_CUT  # there is no reasoning to spare


def test_a_prompt_that_we_count_a_little_higher_than_the_upstream_is_not_cut_ahead_of_its_time() -> (
    None
):
    assert timed(near(turns(10, bound=True), high=990), Moment()) == NO_CUT  # 96 %, a turn more is over


def asked(text: str = "When was that?", low: int = 300, **made: bool) -> Situation:
    """Return a conversation cut once already, that has less room than a tenth of its limit."""
    segments = turns(10, **made)
    dropped = PruneState(frozenset({segments[0].key, segments[1].key}))
    return situation(segments, text, Policy("p", (), Greedy()), Budget(920, low), dropped)


def test_a_cut_is_made_for_a_question_that_has_no_room_to_be_told_what_is_out() -> None:
    assert timed(asked(), Moment()) == Timing(300, 0.0)
    assert timed(asked("That was fun."), Moment()) == NO_CUT  # it asks for nothing
    assert timed(asked(low=800), Moment()) == NO_CUT  # the next question would be as short of room
    assert timed(asked(bound=True), Moment()) == NO_CUT  # reasoning would be lost
    assert timed(asked(open_loop=True), Moment()) == NO_CUT  # the answer is under way


def test_within_a_loop_no_reasoning_is_cut_for_anything() -> None:
    open_loop = near(turns(30, bound=True, open_loop=True), high=3000)
    moment = Moment(idle=9999, rent=1e9, rates=RATES)
    assert timed(open_loop, moment, thrifty=True) == Timing(None, 1e9)


def test_a_prompt_near_its_limit_is_cut_once_its_cache_has_expired() -> None:
    given = near(turns(10), high=970)
    assert timed(given, Moment(idle=301, rates=RATES)) == Timing(300, 0.0)
    assert timed(given, Moment(idle=299, rates=RATES)) == NO_CUT
    assert timed(given, Moment(idle=9999)) == NO_CUT  # nobody knows when its cache expires
    assert (
        timed(near(turns(10), high=2000), Moment(idle=301, rates=RATES)) == NO_CUT
    )  # it will not be cut soon


def test_nothing_is_cut_for_money_unless_it_is_asked_for() -> None:
    given = near(turns(50), high=100_000)
    stays = staying(given.segments)
    rich = Moment(idle=301, rent=1e9, rates=RATES)
    assert timed(given, rich) == Timing(None, 1e9)
    assert timed(given, rich, thrifty=True) == Timing(stays + int(0.4 * (given.prompt() - stays)), 0.0)


def test_rent_is_paid_for_what_could_go_until_it_reaches_what_the_cut_costs() -> None:
    rent, paid = 0.0, 0
    while (found := bought(10_000, Moment(0, rent, RATES), ECONOMY, cold=False)).low is None:
        assert found.rent == pytest.approx(rent + 0.1 * 6000)
        rent, paid = found.rent, paid + 1
    assert found == Timing(4000, 0.0)
    assert paid == 6  # the cut costs 1.25 * 4,000 - 0.1 * 10,000: what seven requests pay


def test_a_cold_cache_makes_it_free() -> None:
    assert bought(10_000, Moment(301, 0.0, RATES), ECONOMY, cold=True) == Timing(4000, 0.0)


def test_no_cut_leaves_less_than_the_floor_or_takes_less_than_is_worth_it() -> None:
    rich = Moment(0, 1e9, RATES)
    assert bought(2000, rich, ECONOMY, cold=True) == Timing(1000, 0.0)
    assert bought(1400, rich, ECONOMY, cold=True) == Timing(None, 1e9)


def test_without_prices_nothing_is_bought() -> None:
    assert bought(10**6, Moment(1e9, 1e9, None), ECONOMY, cold=False) == Timing(None, 1e9)


@given(
    st.floats(0.01, 1),
    st.floats(1, 2),
    st.integers(1, 300),
    st.integers(1, 4000),
    st.integers(0, 20_000),
)
def test_at_every_price_a_session_costs_at_most_a_fourth_more_than_without_a_cut(
    read: float, write: float, length: int, growing: int, standing: int
) -> None:
    rates, rent, size, cost, whole = Rates(read, write, 300), 0.0, 0, 0.0, 0.0
    cached = unpruned = history = 0
    for _ in range(length):
        size += growing
        history += growing
        found = bought(size, Moment(0, rent, rates), Economy(), cold=False)
        rent = found.rent
        if found.low is not None:
            size, cached = found.low, standing
        sent, full = standing + size, standing + history
        cost += read * min(cached, sent) + write * (sent - min(cached, sent))
        whole += read * unpruned + write * (full - unpruned)
        cached, unpruned = sent, full
    assert cost <= 1.25 * whole
