"""Where what is left of a history would break the order of turns that it had."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.policies.seams import (
    ANSWER,
    OTHER,
    SHORT,
    USER,
    WORK,
    Seam,
    follows,
    marks,
    neighbours,
    seams,
    turns_of,
)
from foveate.policies.types import Segment

KINDS = {"u": USER, "a": ANSWER, "t": WORK, "x": OTHER}


def found(letters: str, kept: str) -> list[Seam]:
    """Return the seams of a history of which the letters above a `+` are kept."""
    return seams([KINDS[c] for c in letters], [c == "+" for c in kept])


def filled(letters: str, kept: str) -> str:
    """Return what is left with a capital for each mark."""
    ahead = {seam.before: seam.kind[0].upper() for seam in found(letters, kept)}
    return "".join(ahead.get(i, "") + c for i, c in enumerate(letters) if kept[i] == "+")


@pytest.mark.parametrize(
    ("letters", "kept", "expected"),
    [
        ("uauau", "++++ ", "uaua"),
        ("uauau", "+ + +", "uAuAu"),
        ("uauau", " +  +", "Uau"),
        ("uauau", " + ++", "UaUau"),
        ("uauau", "  +++", "uau"),
        ("utau", "++ +", "utAu"),
        ("utau", " +++", "Utau"),
        ("utauttau", "+++ + ++", "utaUtau"),
        ("utauttau", "  +  + +", "UaUtAu"),
        ("ut", " +", "Ut"),
        ("", "", ""),
    ],
)
def test_a_mark_stands_where_a_turn_is_missing(letters: str, kept: str, expected: str) -> None:
    assert filled(letters, kept) == expected


@pytest.mark.parametrize("broken", ["a", "uu", "uaa", "uat", "x", "ux", "t"])
def test_from_where_a_history_breaks_the_order_itself_nothing_is_asked_for(broken: str) -> None:
    assert found(broken + "uauau", " " * len(broken) + "+ + +") == []


def test_only_a_turn_that_was_there_is_missed() -> None:
    assert found("uauau", "+++++") == []


ORDERLY = st.lists(st.integers(0, 3), max_size=15).map(
    lambda works: "".join("u" + "t" * work + "a" for work in works) + "u"
)


@settings(max_examples=500)
@given(ORDERLY, st.data())
def test_an_orderly_history_is_orderly_with_its_marks_whatever_is_left(
    letters: str, data: st.DataObject
) -> None:
    kept = "".join(
        data.draw(st.lists(st.sampled_from("+ "), min_size=len(letters), max_size=len(letters)))
    )
    spoken = ""
    for letter in filled(letters, kept):
        kind = KINDS[letter.lower()]
        assert follows(kind, spoken)
        spoken = spoken if kind == WORK else kind


@given(st.text("uatx", max_size=20), st.text("uatx", max_size=10), st.data())
def test_a_history_that_grows_keeps_the_marks_that_it_had(
    letters: str, more: str, data: st.DataObject
) -> None:
    kept = "".join(
        data.draw(st.lists(st.sampled_from("+ "), min_size=len(letters), max_size=len(letters)))
    )
    before = found(letters, kept)
    assert found(letters + more, kept + "+" * len(more))[: len(before)] == before


def history(letters: str) -> list[Segment]:
    """Return a segment a letter."""
    told = {
        "u": ("user", "conversation"),
        "a": ("assistant", "conversation"),
        "t": ("assistant", "tool"),
    }
    told["s"] = ("system", "conversation")
    return [
        Segment(str(i), *told[c], f"text {i}", 10, 0, (i, 0, -1))  # type: ignore[arg-type]
        for i, c in enumerate(letters)
    ]


def test_a_short_neighbour_is_kept_rather_than_marked() -> None:
    segments = history("suauau")
    assert neighbours(segments, {0, 1, 3, 5}, ()) == [2, 4]
    assert neighbours(segments, {0, 1, 3, 5}, [2]) == [4]
    long = [replace(s, tokens=SHORT + 1) for s in segments]
    assert neighbours(long, {0, 1, 3, 5}, ()) == []
    assert marks(long, [long[2].key, long[4].key]) == 2


def test_the_parts_of_a_message_are_one_turn() -> None:
    parts = [replace(s, key=(1, 0, n)) for n, s in enumerate(history("aaa"))]
    segments = [history("u")[0], *parts, replace(history("uu")[1], key=(2, 0, -1))]
    assert turns_of(segments).places == [[0], [1, 2, 3], [4]]
    assert marks(segments, [parts[0].key, parts[2].key]) == 0
    assert marks(segments, [part.key for part in parts]) == 1
