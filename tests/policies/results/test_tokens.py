"""What tokens stand for, one by one and all at once."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foveate.policies.results.pieces.concordance import Concordance, laid_together
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
    terms, values = _by_text(said.terms), _by_text(said.values)
    for i, line in enumerate(lines):
        alone = tokens_of(line)
        assert terms[i] == Counter(alone[0])
        assert set(values[i]) == set(alone[1])


def _by_text(said: Concordance) -> dict[int, Counter[int]]:
    found: dict[int, Counter[int]] = defaultdict(Counter)
    rows = np.repeat(said.ids, said.sizes).tolist()
    for i, place, count in zip(rows, said.places.tolist(), said.counts.tolist(), strict=True):
        assert i not in found[place]
        found[place][i] = count
    return found


@given(LINES, st.sets(st.integers(0, 30)))
def test_wanted_terms_are_found_where_they_stand(lines, some):
    said = said_by(lines, 10_000).terms
    wanted = np.unique(np.array([7, *said.ids[[i for i in some if i < said.ids.size]]], np.uint32))
    places, which, counts = laid_together([said, said], np.array([0, len(lines), 2 * len(lines)])).hits(
        wanted
    )
    there = sorted(zip(places.tolist(), wanted[which].tolist(), counts.tolist(), strict=True))
    by_text = _by_text(said)
    assert there == sorted(
        (place + start, i, count)
        for start in (0, len(lines))
        for place, counted in by_text.items()
        for i, count in counted.items()
        if i in wanted
    )


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
