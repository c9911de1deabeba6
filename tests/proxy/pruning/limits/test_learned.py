"""What refusals teach: of whom they are believed, and until when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foveate.proxy.pruning.limits.learned import CONFIRMED, FADES, MAX_LEARNED, Learned


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_window_that_a_refusal_names_holds_for_the_caller_who_was_refused() -> None:
    learned = Learned()
    learned.refused("m", "ada", 8000, sent=9000)
    assert learned.window("m", "ada") == 8000
    assert learned.window("m", "bob") is None
    assert learned.window("other", "ada") is None


def test_a_window_far_above_what_was_sent_is_not_believed() -> None:
    learned = Learned()
    learned.refused("m", "ada", 8000, sent=1000)
    learned.refused("m", "ada", 10, sent=1000)
    assert learned.window("m", "ada") is None


def test_a_window_below_what_was_answered_is_not_believed() -> None:
    learned = Learned()
    learned.accepted("m", "ada", 20_000)
    learned.refused("m", "ada", 8000, sent=9000)
    assert learned.window("m", "ada") is None


def test_it_gives_way_to_the_answer_to_a_larger_prompt() -> None:
    learned = Learned()
    learned.refused("m", "ada", 8000, sent=9000)
    learned.accepted("m", "ada", 7000)
    assert learned.window("m", "ada") == 8000
    learned.accepted("m", "ada", 8001)
    assert learned.window("m", "ada") is None


def test_it_fades() -> None:
    clock = Clock()
    learned = Learned(clock)
    learned.refused("m", "ada", 8000, sent=9000)
    clock.now = FADES + 1
    assert learned.window("m", "ada") is None


def test_what_others_tell_fades_from_when_they_learned_it() -> None:
    clock = Clock()
    learned = Learned(clock)
    learned.refused("m", "ada", 8000, sent=9000, ago=FADES - 10)
    assert learned.window("m", "ada") == 8000
    clock.now = 11
    assert learned.window("m", "ada") is None


def test_only_what_is_news_is_told_to_others() -> None:
    learned = Learned()
    assert learned.refused("m", "ada", 8000, sent=9000)
    assert not learned.refused("m", "ada", 8000, sent=1000)
    assert learned.accepted("m", "ada", 5000)
    assert not learned.accepted("m", "ada", 5000)


def test_it_holds_for_all_once_enough_callers_were_told_it() -> None:
    learned = Learned()
    for n in range(CONFIRMED):
        assert learned.window("m", "bob") is None
        learned.refused("m", f"c{n}", 8000, sent=9000)
    assert learned.window("m", "bob") == 8000
    learned.accepted("m", "eve", 50_000)
    assert learned.window("m", "bob") is None


def test_a_few_that_lie_cannot_lower_what_the_others_say() -> None:
    learned = Learned()
    for n in range(CONFIRMED):
        learned.refused("m", f"c{n}", 8000, sent=9000)
    learned.refused("m", "mallory", 900, sent=1000)
    assert learned.window("m", "bob") == 8000


def test_only_so_much_is_remembered() -> None:
    learned = Learned()
    for n in range(MAX_LEARNED + 10):
        learned.refused("m", f"c{n}", 8000, sent=9000)
    assert len(learned._seen) == len(learned._callers["m"]) == MAX_LEARNED
    for n in range(MAX_LEARNED):
        learned.refused(f"m{n}", "ada", 8000, sent=9000)
    assert len(learned._callers) == MAX_LEARNED


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcd"), st.booleans(), st.integers(-10, 10**6), st.integers(-10, 10**6)
        )
    )
)
def test_no_caller_ever_lowers_anothers_window_alone(events: list[tuple[str, bool, int, int]]) -> None:
    learned = Learned()
    for caller, refused, window, sent in events:
        if refused and caller == "a":
            learned.refused("m", caller, window, sent)
        else:
            learned.accepted("m", caller, sent)
        assert learned.window("m", "victim") is None
