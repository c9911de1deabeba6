"""Money saved, from the prices in litellm's table."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.proxy.config.schema import Economy
from foveate.proxy.pruning import prices
from foveate.proxy.pruning.outcome import Outcome

MILLION = 1_000_000


def outcome(**given: Any) -> Outcome:
    return Outcome(
        **{"id": "1", "created": 0, "policy": "p", "result": "cut", "model": "gpt-4o", **given}
    )


def price(model: str) -> prices.Price:
    return prices.price_table()[model]


def test_the_table_knows_prices_and_discounts() -> None:
    assert 0 < price("gpt-4o").read < price("gpt-4o").fresh < 0.001


def test_what_was_left_out_of_a_new_conversation_is_saved_in_full() -> None:
    found = prices.saved(outcome(tokens_before=3 * MILLION, tokens_after=MILLION))
    assert found == pytest.approx(2 * MILLION * price("gpt-4o").fresh)


def test_a_cut_that_breaks_the_cached_prefix_can_cost() -> None:
    found = prices.saved(
        outcome(tokens_before=1000, tokens_repeated=990, tokens_after=900, tokens_prefix=0)
    )
    assert found is not None
    assert found < 0


def test_both_prompts_pay_the_cached_price_for_what_repeats() -> None:
    known = price("gpt-4o")
    found = prices.saved(
        outcome(tokens_before=1000, tokens_repeated=900, tokens_after=500, tokens_prefix=400)
    )
    assert found == pytest.approx(
        100 * known.write + 900 * known.read - 100 * known.write - 400 * known.read
    )


@pytest.mark.parametrize("result", ["dry-run", "untouched"])
def test_nothing_is_saved_where_nothing_was_pruned(result: str) -> None:
    assert (
        prices.saved(outcome(result=result, tokens_before=1000, tokens_after=500, tokens_repeated=10))
        == 0
    )


def test_nothing_is_said_of_a_model_without_a_price() -> None:
    assert prices.saved(outcome(model="unheard-of", tokens_before=1000, tokens_after=500)) is None
    assert prices.saved(outcome(tokens_before=None)) is None


def test_a_provider_in_front_of_the_name_does_not_hide_the_price() -> None:
    assert (
        prices.saved(outcome(model="some-gateway/gpt-4o", tokens_before=1000, tokens_after=500))
        is not None
    )


def test_writing_the_cache_costs_more_where_the_provider_says_so() -> None:
    assert price("claude-sonnet-4-5").write == pytest.approx(1.25 * price("claude-sonnet-4-5").fresh)
    assert price("gpt-4o").write == price("gpt-4o").fresh
    assert price("gpt-3.5-turbo").read == price("gpt-3.5-turbo").fresh  # it has no discount


def test_what_a_cut_writes_anew_is_paid_at_the_price_of_writing() -> None:
    known = price("claude-sonnet-4-5")
    given = {
        "model": "claude-sonnet-4-5",
        "tokens_before": 1000,
        "tokens_repeated": 1000,
        "tokens_prefix": 100,
    }
    found = prices.saved(outcome(**given, tokens_after=600))
    assert found == pytest.approx(1000 * known.read - 500 * known.write - 100 * known.read)
    assert found is not None
    assert found < 0


def test_no_more_repeats_than_there_is() -> None:
    assert price("gpt-4o").of(100, 500) == pytest.approx(100 * price("gpt-4o").read)


def test_rates_are_relative_to_a_fresh_token() -> None:
    known = prices.rates_of("claude-sonnet-4-5", Economy())
    assert known is not None
    assert (known.read, known.write, known.lifetime) == (pytest.approx(0.1), pytest.approx(1.25), 300)
    assert prices.rates_of("unheard-of", Economy()) is None


def test_the_settings_rates_come_first_under_any_gateways_name() -> None:
    given = Economy(
        lifetime=60, prices={"GPT-4o": {"read": 0.3}, "mine": {"read": 0, "write": 2, "lifetime": 3600}}
    )
    assert prices.rates_of("gateway/gpt-4o", given) == prices.Rates(0.3, 1, 60)
    assert prices.rates_of("mine", given) == prices.Rates(0, 2, 3600)
    assert prices.rates_of("gpt-4.1", given) == prices.Rates(pytest.approx(0.25), pytest.approx(1), 60)
