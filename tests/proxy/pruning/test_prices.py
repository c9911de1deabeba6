"""Money saved, from the prices in litellm's wheel."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.proxy.pruning import prices
from foveate.proxy.pruning.outcome import Outcome

MILLION = 1_000_000


def outcome(**given: Any) -> Outcome:
    return Outcome(**{"id": "1", "created": 0, "policy": "p", "result": "cut", "model": "gpt-4o", **given})


def price(model: str) -> prices.Price:
    return prices.price_table()[model]


def test_the_table_knows_prices_and_discounts() -> None:
    assert 0 < price("gpt-4o").read < price("gpt-4o").fresh < 0.001


def test_what_was_left_out_of_a_new_conversation_is_saved_in_full() -> None:
    found = prices.saved(outcome(tokens_before=3 * MILLION, tokens_after=MILLION))
    assert found == pytest.approx(2 * MILLION * price("gpt-4o").fresh)


def test_a_cut_that_breaks_the_cached_prefix_can_cost() -> None:
    found = prices.saved(outcome(tokens_before=1000, tokens_repeated=990, tokens_after=900, tokens_prefix=0))
    assert found is not None
    assert found < 0


def test_both_prompts_pay_the_cached_price_for_what_repeats() -> None:
    known = price("gpt-4o")
    found = prices.saved(outcome(tokens_before=1000, tokens_repeated=900, tokens_after=500, tokens_prefix=400))
    assert found == pytest.approx(100 * known.write + 900 * known.read - 100 * known.write - 400 * known.read)


@pytest.mark.parametrize("result", ["dry-run", "untouched"])
def test_nothing_is_saved_where_nothing_was_pruned(result: str) -> None:
    assert prices.saved(outcome(result=result, tokens_before=1000, tokens_after=500, tokens_repeated=10)) == 0


def test_nothing_is_said_of_a_model_without_a_price() -> None:
    assert prices.saved(outcome(model="unheard-of", tokens_before=1000, tokens_after=500)) is None
    assert prices.saved(outcome(tokens_before=None)) is None


def test_a_provider_in_front_of_the_name_does_not_hide_the_price() -> None:
    assert prices.saved(outcome(model="some-gateway/gpt-4o", tokens_before=1000, tokens_after=500)) is not None
