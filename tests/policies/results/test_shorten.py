"""What is shown of a result, and of several that compete."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.results.shortening import shorten
from foveate.policies.results.choosing import Filling
from foveate.policies.results.competing import compete, shown
from foveate.policies.results.cutting import divided_of, judged_tokens
from foveate.policies.results.pieces.dividing import pieces_of
from foveate.policies.results.pieces.render import render
from foveate.policies.results.reading import reading_of
from foveate.policies.results.scoring import Field, Need, Offer, field_of
from foveate.policies.results.settings import Results, Weights
from foveate.policies.types import ToolResult
from support.conversations import segment

LOG = "".join(f"job {n} of queue {n % 7} finished in {n % 13} ms\n" for n in range(900))


def count(text: str) -> int:
    return (len(text) + 3) // 4


def offer(text: str, **more) -> Offer:
    pieces = pieces_of(text)
    return Offer(pieces, reading_of(pieces), **more)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=80), min_size=2, max_size=80).map("\n".join), st.integers(40, 300))
def test_a_shortened_text_fits_its_room_and_is_the_same_every_time(text, room):
    first = shorten(text, Need("find it"), room, Results(), count)
    assert first.tokens <= max(room, 40) or first.text == text
    assert first == shorten(text, Need("find it"), room, Results(), count)


def test_what_fits_goes_unchanged():
    assert shorten(LOG, Need(), 100_000, Results(), count).text == LOG


def test_the_line_that_reports_a_failure_is_shown_whatever_was_asked():
    text = LOG[:20_000] + "src/engine.c:88:21: error: no such function\n" + LOG[20_000:]
    assert "src/engine.c:88:21: error" in shorten(text, Need("go on"), 200, Results(), count).text


def test_the_line_that_the_user_names_is_shown():
    text = LOG.replace("job 451 ", "job alpha_451 ")
    assert "alpha_451" in shorten(text, Need("what became of alpha_451?"), 200, Results(), count).text


def test_the_row_that_the_user_names_is_shown_with_its_other_values():
    rows = [
        {"id": f"#W{n}", "note": "n" * 250, "status": "open" if n != 77 else "lost"} for n in range(200)
    ]
    short = shorten(json.dumps({"orders": rows}), Need("what of #W77?"), 500, Results(), count)
    shown = [
        row
        for row in json.loads(short.text)["orders"]
        if isinstance(row, dict) and row.get("id") == "#W77"
    ]
    assert shown
    assert shown[0]["status"] == "lost"


def test_a_value_of_a_row_is_shown_with_what_the_row_is_known_by():
    rows = [{"id": f"#W{n}", "note": "n" * 250, "status": "sent"} for n in range(9)]
    pieces = pieces_of(json.dumps(rows))
    status = max(i for i, p in enumerate(pieces.all) if p.form == "leaf")
    said = render(pieces, shown(pieces, {status}, 0.25))
    assert '"id": "#W8"' in said
    assert "#W7" not in said


def test_repeats_give_way_to_what_is_said_once():
    text = (
        "worker 3: starting\n" * 400
        + "the index was rebuilt from copy_b\n"
        + "worker 3: starting\n" * 400
    )
    assert "copy_b" in shorten(text, Need("why is the worker slow?"), 120, Results(), count).text


def test_of_equal_results_the_newer_one_keeps_more():
    old, new = (
        offer(LOG, age=12, unit=0, opening=10),
        offer(LOG.replace("queue", "stack"), age=0, unit=1, opening=10),
    )
    kept = compete([old, new], Need("go on"), 1500, Results(), count)
    assert len(kept[1]) > len(kept[0])


def test_an_old_result_that_the_turn_names_keeps_its_lines():
    asked = offer(
        LOG.replace("job 451 ", "job alpha_451 "), age=30, unit=0, opening=10, call="run suite_a"
    )
    newer = [offer(LOG.replace("queue", f"q{n}"), age=n, unit=n, opening=10) for n in range(1, 5)]
    kept = compete(
        [asked, *newer], Need("what became of alpha_451 in suite_a?"), 1500, Results(), count
    )
    assert "alpha_451" in render(asked.pieces, kept[0])


def test_results_of_one_unit_stay_or_go_together_within_the_room():
    offers = [offer(LOG, age=1, unit=0, opening=30) for _ in range(3)]
    kept = compete(offers, Need(), 600, Results(), count)
    total = sum(o.opening + count(render(o.pieces, k)) for o, k in zip(offers, kept, strict=True))
    assert any(kept)
    assert total <= 600


def test_a_value_that_is_shown_once_need_not_be_shown_again():
    listing = "".join(f"path/to/file_{n}.py\n" for n in range(60))
    same = [offer(listing, age=n, unit=n, opening=5) for n in range(2)]
    kept = compete(same, Need(), 480, Results(), count)
    assert len(kept[0]) > len(kept[1])


def test_no_room_keeps_nothing():
    assert compete([offer(LOG, opening=50)], Need(), 20, Results(), count) == [frozenset()]


def test_what_is_nearly_all_shown_is_shown_whole_where_there_is_room():
    short, long = "".join(f"stop {n}: {n * 7} s\n" for n in range(12)), LOG
    offers = [offer(long, unit=0), offer(short, unit=1, age=1)]
    room = count(short) + 400
    finished, _ = (
        [len(pieces) for pieces in compete(offers, Need("stop 3"), room, rules, count)][::-1]
        for rules in (Results(finish=0.5), Results(finish=0.0))
    )
    assert finished[0] == len(offers[1].pieces)


def test_a_short_text_is_one_piece_where_there_is_room_and_json_is_not():
    told = [ToolResult((0, 0, 0), LOG[:900], 300), ToolResult((1, 0, 0), "[1]", 300)]
    segments = [
        segment(result.text, role="tool", results=(result,), key=result.key) for result in told
    ] + [segment("go on", key=(2, 0, -1))]
    assert set(divided_of(segments, Results(), 10_000)) == {1}
    assert set(divided_of(segments, Results(), 1_000)) == {0, 1}


def test_a_unit_that_cannot_be_opened_leaves_the_room_to_others():
    long = offer(LOG, age=0, unit=0, opening=250, prior=9.0)
    small = [offer(f"stop {n}: {n * 7} s\n", age=n, unit=n) for n in range(1, 9)]
    kept = compete([long, *small], Need("job 451"), 100, Results(), count)
    assert not kept[0]
    assert all(kept[1:])


def test_a_short_history_with_little_room_has_only_long_results_shown_in_part():
    told = [ToolResult((n, 0, 0), "[1]", tokens) for n, tokens in enumerate((300, 1200))]
    rules = segment("Be brief.", role="system", tokens=5_000, key=(3, 0, -1))
    short = [
        segment(result.text, role="tool", results=(result,), tokens=result.tokens, key=result.key)
        for result in told
    ] + [segment("go on", key=(2, 0, -1))]
    long = [segment("so it goes", tokens=9_000, key=(9, 0, -1)), *short]
    assert set(divided_of([rules, *short], Results(), 5_500)) == {2}
    assert set(divided_of([rules, *short], Results(), 7_000)) == {1, 2}
    assert set(divided_of(long, Results(), 500)) == {1, 2}


@pytest.mark.parametrize(
    ("text", "share", "tokens"),
    [
        ('{"id": 7}', 0.1, 1000),  # JSON is judged whole where room is scarce
        ('{"id": 7}', 0.375, 640),
        ('{"id": 7}', 0.9, 280),
        ("7: import os", 0.1, 280),  # and lines by the best of them, whatever the room
        ("[File: a.py (149 lines)]", 0.1, 280),
    ],
)
def test_the_policy_judges_a_unit_by_what_would_be_shown_of_it(text, share, tokens):
    result = ToolResult((0, 0, 0), text, 900)
    unit = segment(text, role="tool", results=(result,), tokens=1000, key=result.key)
    assert abs(judged_tokens(unit, [result], share) - tokens) <= 1
    assert judged_tokens(unit, [], share) == 1000


def test_tools_and_kinds_can_be_exempt():
    results = Results(tools={"read_file": "off"}, kinds={"diff": "off"})
    assert results.exempt("read_file", "code")
    assert results.exempt("bash", "diff")
    assert not results.exempt("bash", "log")


def test_the_words_of_a_turn_count_more_the_more_of_it_asks():
    answer = "The keeper painted the doors green since no other paint was left.\n"
    asked = "Why are the doors painted green?"
    worth = [
        field_of([offer(LOG + answer + LOG)], Need(asked, asks), Results()).base
        for asks in (0.0, 0.5, 1.0)
    ]
    above = [found[900] - np.median(found) for found in worth]
    assert 0 < above[0] < above[1] < above[2]


@pytest.mark.parametrize("name", ["turn", "tail", "values"])
def test_each_weight_changes_what_is_shown(name):
    text = LOG[:20_000] + "ValueError: bad\n" + LOG[20_000:].replace("job 700", "job beta_700")
    need = Need("where is beta_700?")
    plain = shorten(text, need, 260, Results(), count)
    heavy = shorten(text, need, 260, Results(weights=Weights(**{name: 0.0})), count)
    assert plain.shown != heavy.shown


def test_the_more_failures_count_the_more_of_them_are_shown():
    text = "".join(
        f"ERROR job {n} lost\n" if n % 9 == 0 else f"job {n} wrote part_{n}\n" for n in range(900)
    )
    shown = [
        shorten(
            text, Need(), 300, Results(weights=Weights(failure=weight, trouble=0.0)), count
        ).text.count("ERROR")
        for weight in (0.0, 6.0)
    ]
    assert shown[0] < shown[1]


def test_steps_grow_with_the_length_alone():
    sizes = []
    for n in (500, 1000, 2000):
        reading = reading_of(pieces_of("".join(f"line {i} names value_{i}\n" for i in range(n))))
        sizes.append(reading.terms.counts.sum() + reading.values.counts.sum())
    assert np.allclose(np.diff(sizes) / [500, 1000], (sizes[1] - sizes[0]) / 500, rtol=0.01)


def test_what_a_call_takes_is_shared_by_the_pieces_that_come_with_it():
    unit = np.array([0] * 10 + [1], dtype=np.intp)  # ten lines of a result, and a text of 35 tokens
    none = np.zeros(0, dtype=np.intp)
    field = Field(
        offer=unit, unit=unit, parent=np.full(11, -1), leaf=np.ones(11, dtype=bool),
        tokens=np.array([10.0] * 10 + [35.0]), base=np.ones(11), values=none, places=none, worth=np.zeros(0),
            brings=np.zeros(11),
    )  # fmt: skip
    order = Filling(field, price=0.55, openings=np.array([40.0, 0.0])).fill(150)
    assert order[0] < 10
