"""What is known of a request ahead of its decision, and what is remembered after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from foveate.policies.types import PruneState
from foveate.proxy.config.schema import Economy
from foveate.proxy.formats.responses import Responses
from foveate.proxy.pruning.grounds import carrier, decider, moment_of, settled, situation_of, standing
from foveate.proxy.pruning.timing import staying
from support.conversations import body, long_chat
from support.deciding import read
from support.grounds import NOW, earlier, grounds, limits, selection, state
from support.inputs import called, output, response, user
from support.thinking import thought

ECONOMY = Economy(floor=100, least=50, prices={"gpt-4o": {"read": 0.1, "write": 1.25, "lifetime": 60}})
PARSED = read(body(long_chat(10)))
ITEMS = len(PARSED.items)
SIZE = PARSED.tokens - PARSED.fixed_tokens
STAYS = staying(PARSED.segments)


def early(**given: Any) -> int | None:
    return situation_of(grounds(PARSED, **given), ECONOMY)[0].early


def test_what_is_decided_is_the_history_less_what_stands_whatever_is_dropped() -> None:
    situation, rent = situation_of(grounds(PARSED), ECONOMY)
    assert (situation.tokens, situation.turn.text, rent) == (SIZE, PARSED.query, 0.0)
    assert situation.plan() == "untouched"


def test_a_prompt_over_the_limit_is_a_cut_that_no_timing_asks_for() -> None:
    situation, rent = situation_of(grounds(PARSED, high=SIZE - 1, low=50, thrifty=True), ECONOMY)
    assert (situation.plan(), situation.early, rent) == ("cut", None, 0.0)


def test_money_is_counted_where_it_is_asked_for_and_decisions_are_remembered() -> None:
    rich = earlier(3, rent=1e9)
    assert early(thrifty=True, earlier=rich) == STAYS + int(0.4 * (SIZE - STAYS))
    assert early(earlier=rich) is None
    assert early(thrifty=True, sticky=False, earlier=rich) is None


def test_a_request_that_nothing_is_known_of_pays_its_first_rent() -> None:
    situation, rent = situation_of(grounds(PARSED, thrifty=True), ECONOMY)
    assert situation.early is None
    assert rent == pytest.approx(0.1 * 0.6 * (SIZE - STAYS), abs=0.2)


def test_a_moment_tells_the_silence_and_the_rent_since_the_earlier_request() -> None:
    moment = moment_of(grounds(PARSED, earlier=earlier(3, at=NOW - 70, rent=5.0)), ECONOMY)
    assert (moment.idle, moment.rent) == (70.0, 5.0)
    assert moment.rates is not None
    assert (moment.rates.read, moment.rates.lifetime) == (0.1, 60)
    assert (
        moment_of(grounds(PARSED, earlier=earlier(3, at=NOW + 70)), ECONOMY).idle == 0.0
    )  # another machine's clock
    assert moment_of(grounds(PARSED), ECONOMY).idle == 0.0


def test_earlier_decisions_hold_for_the_model_that_has_the_prompt_cached() -> None:
    cut = state([1, 2])
    assert standing(grounds(PARSED, earlier=earlier(5, cut))) == cut
    assert standing(grounds(PARSED, earlier=earlier(5, cut, model="another"))) == PruneState()
    assert standing(grounds(PARSED)) == PruneState()


def test_the_prompt_that_is_summed_up_is_the_one_that_was_read() -> None:
    parsed = structs.replace(PARSED, outline=structs.replace(PARSED.outline, settled=True))
    cut = state([1, 2])
    assert standing(grounds(parsed, earlier=earlier(5, cut, model="another"))) == cut


def test_a_window_forces_no_cut_where_the_provider_edits_the_prompt() -> None:
    tight = limits(10, 5)
    assert situation_of(grounds(PARSED, limits=tight), ECONOMY)[0].plan() == "cut"
    edited = grounds(PARSED, limits=replace(tight, edited=True))
    assert situation_of(edited, ECONOMY)[0].plan() == "untouched"


def test_a_result_that_a_program_reads_carries_no_excerpts() -> None:
    program = {"type": "program", "id": "pr", "call_id": "p", "code": "x", "fingerprint": "f"}
    by_program = {**called("a"), "caller": {"type": "program", "caller_id": "p"}}
    for made, at in (([program, by_program], None), ([program, called("a")], 3)):
        items = [user("q"), *made, output("a", "found " * 100)]
        parsed = read(response(items), wire=Responses())
        assert carrier(grounds(parsed)) == at


def test_who_insists_on_a_policy_gets_no_decisions_of_another() -> None:
    cut = state([1, 2])
    assert (
        standing(grounds(PARSED, insisted=True, earlier=earlier(5, cut, policy="another")))
        == PruneState()
    )
    assert standing(grounds(PARSED, insisted=True, earlier=earlier(5, cut, policy="mine"))) == cut
    assert standing(grounds(PARSED, earlier=earlier(5, cut, policy="another"))) == cut


def test_what_is_remembered_of_a_cut_is_who_has_made_it_and_when() -> None:
    made = settled(grounds(PARSED), selection(PARSED, state([1, 2]), cut=True), rent=0.0)
    assert made == earlier(ITEMS, state([1, 2]), policy="mine", opening=PARSED.opening)
    assert settled(grounds(PARSED), selection(PARSED, PruneState()), rent=7.0) == earlier(
        ITEMS, rent=7.0, opening=PARSED.opening
    )


def test_a_cut_that_still_serves_is_its_makers() -> None:
    before = earlier(5, state([1, 2]), policy="another", at=1.0)
    given = grounds(PARSED, earlier=before)
    serving = selection(PARSED, before.state)
    assert decider(given, serving) == "another"
    kept = earlier(ITEMS, before.state, policy="another", rent=3.0, opening=PARSED.opening)
    assert settled(given, serving, rent=3.0) == kept
    assert decider(given, selection(PARSED, state([1]), cut=True)) == "mine"


def test_what_is_decided_afresh_is_not_the_earlier_policys() -> None:
    before = earlier(5, state([1, 2]), policy="another")
    bare = selection(PARSED, state(bare=[2]))  # reasoning of the earlier prompt is taken out
    assert decider(grounds(PARSED, earlier=before), bare) == "another"
    insisting = grounds(PARSED, earlier=before, insisted=True)
    assert decider(insisting, bare) == "mine"
    assert settled(insisting, bare, rent=0.0).policy == "mine"
    assert decider(grounds(PARSED, earlier=replace(before, model="gpt-5")), bare) == "mine"


def test_what_stood_ahead_of_the_history_is_remembered_of_each_request() -> None:
    given = grounds(PARSED, earlier=earlier(5, opening="other"))
    assert given.earlier is not None
    same = selection(PARSED, given.earlier.state)
    assert settled(given, same, rent=0.0).opening == PARSED.opening
    assert settled(given, selection(PARSED, state([1])), rent=0.0).opening == PARSED.opening


def test_the_origins_of_reasoning_are_remembered_with_the_decisions() -> None:
    messages = long_chat(3)
    messages[2] = {**messages[2], **thought(messages[:2])}
    parsed = read(body(messages))
    given = grounds(parsed)
    made = settled(given, selection(parsed, PruneState()), rent=0.0)
    assert set(made.origins) == {(2, 0, -1)}
    again = grounds(parsed, earlier=made)
    assert settled(again, selection(parsed, made.state), rent=0.0).origins is made.origins
