"""What tokens stand for, one by one and all at once."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foveate.policies.results.pieces.tokens import said_by, token_of, tokens_of
from foveate.policies.terms import distinct, ranks_of, term_id, those_among

LINES = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet="aB_1/.#:- \u0130\u00e9\x00", max_size=60),
        st.sampled_from(["FAILED tests/test_a.py::test_b", "Total: 12.5", "ValueError at #W7009287"]),
    ),
    max_size=12,
)


@given(LINES)
def test_texts_read_at_once_say_what_each_says_alone(lines):
    said = said_by(lines, 10_000)
    terms, values = defaultdict(list), defaultdict(set)
    for place, term in zip(said.term_places.tolist(), said.terms.tolist(), strict=True):
        terms[place].append(term)
    for place, value in zip(said.value_places.tolist(), said.values.tolist(), strict=True):
        assert value not in values[place]
        values[place].add(value)
    for i, line in enumerate(lines):
        alone = tokens_of(line)
        assert (terms[i], values[i]) == (alone[0], set(alone[1]))


def test_cues_are_told_by_their_text():
    said = said_by(["all is well", "ValueError: no", "3 passed", "x" * 200], 10_000)
    assert said.trouble.tolist() == [False, True, False, False]
    assert said.total.tolist() == [False, False, True, False]


def test_a_path_is_known_by_its_end_and_its_parts_that_are_values():
    values = set(token_of("src/mod_3/Unit.py").values)
    assert {term_id(name) for name in ("src/mod_3/unit.py", "mod_3", "unit.py")} <= values
    assert term_id("src") not in values


@given(st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 5)), st.sets(st.integers(0, 9)))
def test_ids_are_found_ranked_and_told_apart(ids, wanted):
    found = np.array(ids, dtype=np.uint32)
    sought = np.array(sorted(wanted), dtype=np.uint32)
    assert distinct(found).tolist() == sorted(set(ids))
    assert ranks_of(found).tolist() == [sorted(set(ids)).index(i) for i in ids]
    places, which = those_among(found, sought)
    assert places.tolist() == [n for n, i in enumerate(ids) if i in wanted]
    assert sought[which].tolist() == [i for i in ids if i in wanted]
