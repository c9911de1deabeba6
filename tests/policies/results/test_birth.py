"""What becomes of a result the first time that it is sent."""

from __future__ import annotations

import json

import pytest

from foveate.policies.results.birth import Newborn, asks_for_part, births
from foveate.policies.results.instead import read_divided, runs_of, written
from foveate.policies.results.settings import Results
from foveate.policies.types import PruneState, Segment, Shown
from support.conversations import segment
from support.results import Words, unit

LOG = "\n".join(f"worker {i} took part {i * 37} of the queue" for i in range(400))
SHORT = Results(over=100, share=0.01)


def born(
    *segments: Segment, results: Results = SHORT, state: PruneState | None = None, known: int = 0
) -> list[Shown]:
    asked = segment("What failed?", key=(0, 0, -1))
    found = births(
        Newborn([asked, *segments], "What failed?", state or PruneState(), known),
        10_000,
        results,
        Words(),
    )
    return list(found.values())


def test_a_long_result_is_shortened_to_what_fits() -> None:
    text = LOG + "\nERROR: part 88 failed\n" + LOG
    (shown,) = born(unit(1, text))
    left = written(read_divided(text).pieces, shown)
    assert "ERROR: part 88 failed" in left
    assert Words().count(left) == len(text.split()) - shown.saved <= 100
    assert shown.born


def test_a_result_within_the_threshold_stays_whole() -> None:
    assert born(unit(1, "a few words")) == []
    assert born(unit(1, LOG), results=Results(over=100, share=0.5)) == []


def test_what_a_model_has_read_already_stays_whole() -> None:
    answered = segment("done", role="assistant", key=(3, 0, -1))
    assert born(unit(1, LOG), answered) == []
    assert born(unit(1, LOG), known=3) == []


def test_exempt_tools_kinds_and_policies_stay_whole() -> None:
    assert born(unit(1, LOG), results=Results(over=100, share=0.01, tools={"bash": "off"})) == []
    assert (
        born(unit(1, LOG), results=Results(over=100, share=0.01, kinds={"log": "off", "text": "off"}))
        == []
    )
    assert born(unit(1, LOG), results=Results(birth=False, over=100)) == []


@pytest.mark.parametrize(
    "given",
    [
        {"path": "a.py", "offset": 40, "limit": 80},
        {"path": "a.py", "view_range": [1, 300]},
        {"start_line": "7"},
        {"command": "sed -n '1,200p' a.py"},
        {"command": "make 2>&1 | tail -50"},
    ],
)
def test_what_was_asked_for_exactly_stays_whole(given: dict[str, object]) -> None:
    call = f"read {json.dumps(given)}"
    assert asks_for_part(call)
    assert born(unit(1, LOG, call)) == []


@pytest.mark.parametrize(
    "given",
    [
        {"path": "start.py"},
        {"command": "cat tail.txt"},
        {"lines": True},
        {"lines": ["a", "b"]},
        {"lines": []},
        {"order": 7},
    ],
)
def test_other_arguments_ask_for_no_part(given: dict[str, object]) -> None:
    assert not asks_for_part(f"read {json.dumps(given)}")


def test_arguments_that_are_no_json_are_read_as_a_command() -> None:
    assert asks_for_part("bash tail -50 a.log")
    assert not asks_for_part("bash cat a.log")


def test_an_exact_repeat_points_to_what_stands() -> None:
    (shown,) = born(unit(1, LOG), segment("ok", role="assistant", key=(3, 0, -1)), unit(4, LOG))
    assert shown.same == (2, 0, 0)
    assert not shown.runs


def test_a_third_one_points_to_what_stands_and_to_no_pointer() -> None:
    between = [segment("ok", role="assistant", key=(item, 0, -1)) for item in (3, 6)]
    pointing = PruneState(shown={(5, 0, 0): Shown((), 2000, (2, 0, 0), born=True)})
    calls = [unit(1, LOG), between[0], unit(4, LOG), between[1], unit(7, LOG)]
    (shown,) = born(*calls, state=pointing)
    assert shown.same == (2, 0, 0)


def test_a_repeat_of_an_exempt_tool_stays_whole() -> None:
    off = Results(over=100, share=0.01, tools={"bash": "off"})
    answer = segment("ok", role="assistant", key=(3, 0, -1))
    assert born(unit(1, LOG), answer, unit(4, LOG), results=off) == []


def test_words_of_the_user_behind_a_result_leave_it_as_new() -> None:
    assert len(born(unit(1, LOG), segment("And?", key=(3, 0, -1)))) == 1


def test_a_repeat_of_what_was_shortened_or_dropped_is_no_pointer() -> None:
    between = segment("ok", role="assistant", key=(3, 0, -1))
    shortened = PruneState(shown={(2, 0, 0): Shown(((0, 3),), 90)})
    assert born(unit(1, LOG), between, unit(4, LOG), state=shortened) == []
    (shown,) = born(unit(1, LOG), between, unit(4, LOG), state=PruneState(frozenset({(1, 0, -1)})))
    assert shown.same is None


def test_runs_are_first_and_last() -> None:
    assert runs_of({5, 1, 2, 3, 9}) == ((1, 3), (5, 5), (9, 9))
    assert runs_of(()) == ()
