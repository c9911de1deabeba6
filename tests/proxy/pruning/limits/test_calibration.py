"""Learning how an upstream counts: from text, slowly, and of each caller for itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.proxy.pruning.limits.calibration import (
    ENOUGH,
    HIGHEST,
    LOWEST,
    MAX_CALLERS,
    SEEN,
    SMALLEST,
    Calibration,
)

KEY = ("m", "o200k_base", "ada")


def taught(*ratios: float, calibration: Calibration | None = None, caller: str = "ada") -> Calibration:
    """Return a calibration that has seen such ratios of a caller's prompts."""
    found = calibration or Calibration()
    for ratio in ratios:
        found.observe(("m", "o200k_base", caller), 10_000, int(10_000 * ratio), exact=False)
    return found


def test_a_model_that_was_never_seen_counts_as_we_do() -> None:
    assert Calibration().ratio(*KEY) == 1.0


def test_a_caller_who_has_been_answered_often_enough_has_the_median_of_what_it_saw() -> None:
    assert taught(*[1.3] * (ENOUGH - 1)).ratio(*KEY) == 1.0
    assert taught(1.2, 1.9, 1.3).ratio(*KEY) == 1.3


def test_below_one_the_highest_counts() -> None:
    assert taught(0.8, 0.95, 0.7).ratio(*KEY) == 0.95
    assert taught(0.8, 1.3, 0.7).ratio(*KEY) == 1.0


def test_one_odd_answer_moves_nothing() -> None:
    calibration = taught(1.1, 1.1, 1.1, 1.1)
    taught(1.99, calibration=calibration)
    assert calibration.ratio(*KEY) == 1.1


def test_what_no_tokenizer_explains_is_not_taken_in() -> None:
    assert taught(4.0, 7.0, 33.0, 0.1, 0.0).ratio(*KEY) == 1.0


def test_a_caller_moves_no_others_counts() -> None:
    calibration = taught(*[1.9] * SEEN, caller="mallory")
    assert calibration.ratio(*KEY) == 1.0


def test_several_callers_who_agree_speak_for_a_new_one() -> None:
    calibration = Calibration()
    for caller in "abc"[:ENOUGH]:
        taught(1.4, 1.4, 1.4, calibration=calibration, caller=caller)
    taught(*[1.9] * SEEN, calibration=calibration, caller="mallory")
    assert calibration.ratio(*KEY) == 1.4


def test_old_ratios_give_way_to_new_ones() -> None:
    assert taught(*[1.5] * SEEN, *[1.1] * SEEN).ratio(*KEY) == 1.1


def test_models_and_tokenizers_are_told_apart() -> None:
    calibration = taught(1.3, 1.3, 1.3)
    assert calibration.ratio("other", "o200k_base", "ada") == 1.0
    assert calibration.ratio("m", "cl100k_base", "ada") == 1.0


def test_a_short_prompt_teaches_nothing() -> None:
    calibration = Calibration()
    for _ in range(ENOUGH):
        calibration.observe(KEY, SMALLEST - 1, SMALLEST, exact=False)
        calibration.observe(KEY, 5000, 0, exact=False)
    assert calibration.ratio(*KEY) == 1.0


def test_where_our_tokenizer_is_the_models_own_it_is_never_scaled_down() -> None:
    calibration = Calibration()
    for _ in range(ENOUGH):
        calibration.observe(KEY, 10_000, 7000, exact=True)
    assert calibration.ratio(*KEY) == 1.0


@pytest.mark.parametrize(("counted", "ratio"), [(12_000, 1.2), (12_500, 1.25), (12_600, 1.0)])
def test_where_our_tokenizer_is_the_models_own_little_more_than_the_frame_is_taken_in(
    counted: int, ratio: float
) -> None:
    calibration = Calibration()
    for _ in range(ENOUGH):
        assert calibration.observe(KEY, 10_000, counted, exact=True) == (ratio > 1)
    assert calibration.ratio(*KEY) == ratio


def test_only_so_many_callers_are_remembered() -> None:
    calibration = Calibration()
    for n in range(MAX_CALLERS + 10):
        taught(1.5, 1.5, 1.5, calibration=calibration, caller=f"c{n}")
    assert len(calibration._seen) == MAX_CALLERS
    assert calibration.ratio("m", "o200k_base", f"c{MAX_CALLERS + 9}") == 1.5
    for n in range(MAX_CALLERS):
        calibration.observe((f"m{n}", "o200k_base", "ada"), 10_000, 15_000, exact=False)
    assert len(calibration._callers) == MAX_CALLERS


@given(st.lists(st.tuples(st.integers(-5, 10**7), st.integers(-5, 10**7)), max_size=30))
def test_the_ratio_stays_within_its_bounds(seen: list[tuple[int, int]]) -> None:
    calibration = Calibration()
    for estimated, counted in seen:
        calibration.observe(KEY, estimated, counted, exact=False)
        assert LOWEST <= calibration.ratio(*KEY) <= HIGHEST
