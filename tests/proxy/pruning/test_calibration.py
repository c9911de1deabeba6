"""Learning how an upstream counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foveate.proxy.pruning.calibration import HIGHEST, LOWEST, MODELS, Calibration


def test_a_model_that_was_never_seen_counts_as_we_do() -> None:
    assert Calibration().ratio("new") == 1.0


def test_an_underestimate_is_corrected_at_once() -> None:
    calibration = Calibration()
    calibration.observe("m", 1000, 1300, exact=False)
    assert calibration.ratio("m") == 1.3
    assert calibration.ratio("other") == 1.0


def test_an_overestimate_is_corrected_little_by_little() -> None:
    calibration = Calibration()
    calibration.observe("m", 1000, 2000, exact=False)
    ratios = [2.0]
    for _ in range(200):
        calibration.observe("m", 1000, 1000, exact=False)
        ratios.append(calibration.ratio("m"))
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[1] > 1.9
    assert ratios[-1] < 1.01


def test_a_short_prompt_teaches_nothing() -> None:
    calibration = Calibration()
    calibration.observe("m", 20, 60, exact=False)
    calibration.observe("m", 5000, 0, exact=False)
    assert calibration.ratio("m") == 1.0


def test_where_our_count_is_exact_it_is_never_scaled_down() -> None:
    calibration = Calibration()
    calibration.observe("gpt-4o", 1000, 700, exact=True)
    assert calibration.ratio("gpt-4o") == 1.0


def test_only_so_many_models_are_remembered() -> None:
    calibration = Calibration()
    for n in range(MODELS + 10):
        calibration.observe(f"m{n}", 1000, 1500, exact=False)
    assert calibration.ratio("m0") == 1.0
    assert calibration.ratio(f"m{MODELS + 9}") == 1.5


@given(st.lists(st.tuples(st.integers(-5, 10**7), st.integers(-5, 10**7)), max_size=30))
def test_the_ratio_stays_within_its_bounds(seen: list[tuple[int, int]]) -> None:
    calibration = Calibration()
    for estimated, counted in seen:
        calibration.observe("m", estimated, counted, exact=False)
        assert LOWEST <= calibration.ratio("m") <= HIGHEST
