"""Each selector by itself; each parameter changes an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.policies.selectors.coverage import Coverage, Gains, lazily
from foveate.policies.selectors.density import Density
from foveate.policies.selectors.greedy import Greedy
from foveate.policies.selectors.mmr import Mmr
from foveate.policies.selectors.structured import Structured
from foveate.policies.selectors.window import Window
from foveate.policies.types import History, Segment
from foveate.proxy.config.policies import build_policy, named_policies
from foveate.proxy.config.schema import Settings
from support.conversations import history, segment

NOTHING: dict[str, Any] = {"fixed": 0.0, "persistence": 0.0, "answers": 0.0}


ROWS = st.lists(st.tuples(st.integers(1, 50), st.floats(-5, 5)), min_size=1, max_size=12)


@given(ROWS, st.integers(0, 300), st.integers(0, 300))
def test_more_budget_never_loses_the_top_segment(
    rows: list[tuple[int, float]], room: int, more: int
) -> None:
    seen = history([segment(str(i), tokens=tokens) for i, (tokens, _) in enumerate(rows)])
    scores = np.array([score for _, score in rows])
    top = max(range(len(rows)), key=lambda i: (scores[i], i))
    if top in Greedy().select(seen, scores, room):
        assert top in Greedy().select(seen, scores, room + more)


def test_window_keeps_the_newest_and_with_a_head_the_oldest() -> None:
    seen = history([segment(str(i), tokens=10) for i in range(6)])
    assert Window().select(seen, np.arange(6.0), 30) == {3, 4, 5}
    assert Window(head=0.5).select(seen, np.arange(6.0), 40) == {0, 1, 4, 5}


def test_density_prefers_the_short_by_each_of_its_prices() -> None:
    texts = [segment("S1: a", tokens=400), segment("S2: b", tokens=10)]
    others = [segment(f"S{i % 5}: x", tokens=10) for i in range(8)]
    meeting = history([*texts, *others], vectors=np.zeros((10, 4), dtype=np.float32))
    scores = np.array([1.0, 0.5, *np.zeros(8)])
    assert 0 in Density(**NOTHING).select(meeting, scores, 400)
    assert 0 not in Density(**{**NOTHING, "fixed": 0.5}).select(meeting, scores, 400)
    assert 0 not in Density(**{**NOTHING, "persistence": 0.9}).select(meeting, scores, 400)
    chat = history([segment("a", role="assistant", tokens=400), segment("b", tokens=10)])
    assert Density(**NOTHING).select(chat, np.array([1.0, 0.5]), 400) == {0}
    assert Density(**{**NOTHING, "answers": 0.25}).select(chat, np.array([1.0, 0.5]), 400) == {1}


def test_mmr_takes_the_unlike_before_the_repeated() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    seen = history([segment(str(i), tokens=10) for i in range(3)], vectors=vectors)
    scores = np.array([1.0, 0.9, 0.6])
    assert Mmr(diversity=0.5).select(seen, scores, 20) == {0, 2}
    assert Mmr(diversity=0.0).select(seen, scores, 20) == {0, 1}


def test_structured_takes_whole_files_first() -> None:
    texts = ["see src/a_file.py", "nothing", "src/a_file.py again", "words"]
    seen = history([segment(t, tokens=10) for t in texts])
    scores = np.array([1.0, 0.9, 0.9, 0.2])
    assert Structured(share=1.0).select(seen, scores, 20) == {0, 2}
    scores = np.array([1.0, 0.95, 0.2, 0.0])
    assert Structured(share=0.0).select(seen, scores, 20) == {0, 1}


def test_structured_takes_whole_topics_by_their_depth() -> None:
    vectors = np.zeros((40, 2), dtype=np.float32)
    vectors[:20, 0] = vectors[20:, 1] = 1.0
    seen = history([segment(f"w{i}", tokens=1) for i in range(40)], vectors=vectors)
    scores = np.where(np.arange(40) < 20, 0.5, 0.1)
    scores[30] = 1.0
    assert Structured(share=1.0).select(seen, scores, 20) == set(range(20))
    assert Structured(share=1.0, depth=50.0).select(seen, scores, 20) != set(range(20))


def tools(*texts: str, tokens: int = 10) -> History:
    """Return tool work, with talk ahead of it."""
    return history(
        [segment("hello"), *(segment(t, kind="tool", role="assistant", tokens=tokens) for t in texts)]
    )


def test_coverage_keeps_every_value_once() -> None:
    seen = tools("order A1 B2", "order A1", "ship C3")
    assert Coverage().select(seen, np.zeros(4), 20) == {1, 3}
    assert Coverage(values=0.0).select(seen, np.array([0, 0.1, 0.3, 0.2]), 20) == {2, 3}


@pytest.mark.parametrize("preset", ["balanced", "agent"])
def test_in_tool_work_what_the_question_is_about_stays_beside_values(preset: str) -> None:
    selector = build_policy(preset, named_policies(Settings())[preset]).selector
    seen = tools(*(f"order A{n} B{n}" for n in range(20)))
    asked_about = np.array(
        [9.0, *[-0.4] * 20]
    )  # deviations from the mean, of the talk at the beginning
    kept = selector.select(seen, asked_about, 100)
    assert 0 in kept
    assert len(kept) > 5


def test_in_tool_work_length_has_its_price() -> None:
    seen = history([segment("a", kind="tool", role="assistant", tokens=n) for n in (10, 400, 10)])
    scores = np.array([0, 1.0, 0])
    assert Coverage(tools=0.0).select(seen, scores, 400) == {1}
    assert Coverage(tools=0.6).select(seen, scores, 400) == {0, 2}


def test_of_what_carries_no_value_the_more_relevant_stays() -> None:
    assert Coverage().select(tools("a", "b"), np.array([0, 1.0, 0]), 10) == {1}


def greedily(segments: Sequence[Segment], gains: Gains, room: int) -> list[int]:
    """Return the order of taking whatever gains most then, of equal gains the newest."""
    taken: list[int] = []
    left = set(range(len(segments)))
    while left:
        best = max(left, key=lambda i: (gains.of(i), i))
        left.discard(best)
        if segments[best].tokens <= room:
            room -= segments[best].tokens
            taken.append(best)
            gains.take(best)
    return taken


CARRIERS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(0, 8), st.sets(st.integers(0, 5)), st.integers(1, 3)),
    max_size=9,
)


@given(CARRIERS, st.integers(0, 40))
def test_the_lazy_order_is_the_order_of_the_largest_gains(
    rows: list[tuple[int, int, set[int], int]], room: int
) -> None:
    segments = [segment(str(i), tokens=tokens) for i, (tokens, *_) in enumerate(rows)]
    carried = [np.array(sorted(values), dtype=np.intp) for _, _, values, _ in rows]
    base = np.array([float(base) for _, base, _, _ in rows])
    density = np.array([2.0**-price for *_, price in rows])

    def gains() -> Gains:
        return Gains(base, 2.0 ** np.arange(6.0), carried, density)

    first = np.array([gains().of(i) for i in range(len(rows))])
    assert lazily(segments, gains(), first, room) == greedily(segments, gains(), room)


def test_what_is_pinned_covers_its_values() -> None:
    pinned = segment("order A1 B2", kind="tool", role="assistant", pin="cache_control")
    seen = history([pinned, segment("order A1 B2", kind="tool"), segment("ship C3", kind="tool")])
    assert Coverage().select(seen, np.zeros(3), 10) == {2}


@pytest.mark.parametrize(
    ("texts", "scores", "kept", "changes", "then"),
    [
        (
            ["ship A1", "x1", "x2", "x3", "x4", "x5", "ship B2"],
            None,
            7,
            {"half_life": 1e9, "references": 0.0},
            None,
        ),
        (["ship A1", "see A1", "ship B2"], None, 2, {"references": 0.0, "half_life": 1e9}, 3),
        (
            ["ship A1", "ship B2"],
            [0, 3.0, 0],
            1,
            {"relevance": 0.0, "half_life": 4.0, "values": 1.0},
            2,
        ),
    ],
)
def test_worths_depend_on_age_references_and_relevance(
    texts: list[str], scores: list[float] | None, kept: int, changes: dict[str, Any], then: int | None
) -> None:
    seen = tools(*texts)
    given = np.array(scores if scores else np.zeros(len(texts) + 1))
    first = Coverage(values=1.0, references=0.9, half_life=16.0, relevance=5.0).select(seen, given, 10)
    second = Coverage(**{"values": 1.0, "references": 0.9, "relevance": 5.0, **changes}).select(
        seen, given, 10
    )
    assert kept in first
    if then is not None:
        assert then in second
