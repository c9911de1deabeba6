"""What is left of a history keeps the order of turns that it had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.policies.seams import ANSWER, NOBODY, OTHER, SCARCE, USER, WORK, kind_of, mended, turns_of
from foveate.policies.types import Segment

KINDS = {"u": ("user", "conversation"), "a": ("assistant", "conversation"), "t": ("assistant", "tool"),
         "s": ("system", "conversation"), "x": ("model", "conversation")}  # fmt: skip


def history(letters: str, tokens: int = 10) -> list[Segment]:
    """Return a segment a letter: user, answer, tools' work, system, or a role that nobody knows."""
    return [
        Segment(str(i), KINDS[c][0], KINDS[c][1], f"text {i}", tokens, 0, (i, 0, -1))  # type: ignore[arg-type]
        for i, c in enumerate(letters)
    ]


def left(letters: str, kept: set[int], sizes: dict[int, int] | None = None, **more: object) -> str:
    """Return what is left of a history."""
    segments = [replace(s, tokens=(sizes or {}).get(i, s.tokens)) for i, s in enumerate(history(letters))]
    found = mended(segments, kept, np.zeros(len(letters)), **more)  # type: ignore[arg-type]
    return "".join(letters[i] + str(i) + " " for i in sorted(found)).strip()


def test_what_takes_turns_already_is_left_alone() -> None:
    assert left("uauau", {0, 1, 4}) == "u0 a1 u4"


def test_a_short_neighbour_is_kept_that_mends_a_seam() -> None:
    assert left("uauau", {0, 2, 4}, {1: 3, 3: 4}) == "u0 a1 u2 a3 u4"


def test_a_turn_goes_where_all_neighbours_are_long() -> None:
    segments = [replace(s, tokens=500 if s.role == "assistant" else 10) for s in history("uauau")]
    segments[4] = replace(segments[4], pin="latest user turn")
    assert mended(segments, {0, 2, 4}, np.array([0.0, 0, 5, 0, 0])) == {4}


def test_the_better_of_two_stays() -> None:
    segments = [replace(s, tokens=500 if i in (2, 3) else 10) for i, s in enumerate(history("uauau"))]
    segments[4] = replace(segments[4], pin="latest user turn")
    segments[0] = replace(segments[0], pin="first user turn")
    assert mended(segments, {0, 1, 4}, np.zeros(5)) == {0, 1, 4}
    assert len(mended(segments, {0, 1, 3, 4}, np.array([0, 1.0, 0, 0, 0]))) == 3


def test_it_begins_with_the_user() -> None:
    assert left("suauau", {0, 2, 5}, {1: 3}) == "s0 u1 a2 u5"


def test_what_did_not_begin_with_the_user_is_left_alone() -> None:
    assert left("auau", {0, 2}) == "a0 a2"


def test_what_did_not_take_turns_need_not() -> None:
    assert left("uuaau", {0, 1, 4}) == "u0 u1 u4"


def test_a_call_follows_the_user_or_a_result() -> None:
    assert left("uttauttau", {0, 3, 6, 8}, {4: 2, 7: 3}) == "u0 a3 u4 t6 a7 u8"


def test_work_does_not_count_as_a_turn() -> None:
    assert left("utau", {0, 1, 2, 3}) == "u0 t1 a2 u3"


def test_what_is_pinned_stays_and_what_is_closed_goes() -> None:
    segments = [replace(s, pin="last turns") if i in (0, 2) else s for i, s in enumerate(history("uauau"))]
    assert {0, 2} <= mended(segments, {0, 2}, np.zeros(5))
    assert mended(segments, {0, 2}, np.zeros(5), closed=[1]) == {0, 2}


def test_of_a_message_in_parts_the_shortest_mends() -> None:
    parts = [replace(s, key=(1, 0, n), tokens=5 + n) for n, s in enumerate(history("aaa"))]
    segments = [history("u")[0], *parts, replace(history("uu")[1], key=(2, 0, -1))]
    assert mended(segments, {0, 4}, np.zeros(5)) == {0, 1, 4}


def test_kinds_of_turns_are_told_apart() -> None:
    assert [kind_of(s) for s in history("uatx")] == [USER, ANSWER, WORK, OTHER]
    assert [len(t.places) for t in turns_of(history("suau"))] == [1, 1, 1]


KINDS_OF = {"u": USER, "a": ANSWER, "t": WORK}


@st.composite
def orderly(draw: st.DrawFn) -> str:
    """A history that takes turns, with work between."""
    rounds = draw(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=15))
    told = "".join("u" + "t" * work + "a" for work, _ in rounds)
    return draw(st.sampled_from(["", "s"])) + told + "u" + "t" * draw(st.integers(0, 4))


@settings(max_examples=300)
@given(orderly(), st.data())
def test_an_orderly_history_stays_orderly_whatever_is_chosen(letters: str, data: st.DataObject) -> None:
    n = len(letters)
    last = max(i for i, c in enumerate(letters) if c == "u")
    kept = data.draw(st.sets(st.integers(0, n - 1))) | {last}
    sizes = data.draw(st.lists(st.integers(1, 400), min_size=n, max_size=n))
    scores = np.array(data.draw(st.lists(st.floats(-5, 5), min_size=n, max_size=n)))
    price = data.draw(st.sampled_from([1.0, SCARCE]))
    segments = [replace(s, tokens=size) for s, size in zip(history(letters), sizes, strict=True)]
    segments[last] = replace(segments[last], pin="latest user turn")
    found = mended(segments, kept, scores, price=price)
    assert last in found
    speaker = NOBODY
    for i in sorted(found):
        if letters[i] == "s":
            continue
        kind = KINDS_OF[letters[i]]
        assert kind == USER if speaker == NOBODY else kind != ANSWER or speaker == USER
        assert kind != WORK or speaker == USER
        assert kind != USER or speaker != USER
        speaker = kind if kind != WORK else speaker
    if price == SCARCE:
        assert sum(sizes[i] for i in found) <= sum(sizes[i] for i in kept)
