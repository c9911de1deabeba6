"""The shape of a conversation, what flows along its graph and topics, and how signals come together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.policies.flow.fusion import ReciprocalRank, Weighted
from foveate.policies.flow.graph import Neighbours, PageRank
from foveate.policies.flow.shape import shape_of
from foveate.policies.flow.topics import Topics, dips
from foveate.policies.pins import Pins
from foveate.policies.policy import Policy, WeightedSignal
from foveate.policies.selectors.greedy import Greedy
from foveate.policies.signals.keyword import Keyword
from foveate.policies.signals.recency import Recency
from foveate.policies.signals.role import Role
from foveate.policies.signals.semantic import Semantic
from foveate.policies.types import Budget, History
from support.conversations import history, pruned, segment


def lasting(n: int, topic: int) -> np.ndarray:
    """Return unit vectors of topics that last `topic` segments each."""
    vectors = np.zeros((n, n + 1), dtype=np.float32)
    vectors[np.arange(n), np.arange(n) // topic] = 0.8
    vectors[:, n] = 0.6
    return vectors


def talk(n: int, **more: Any) -> History:
    """Return a chat of two."""
    return history(
        [segment(f"w{i}", role=("user", "assistant")[i % 2], turn=1 + i // 2) for i in range(n)], **more
    )


def test_persistence_tells_topics_that_last_from_facts_in_passing() -> None:
    long, short = (shape_of(talk(120, vectors=lasting(120, topic))).persistence for topic in (40, 2))
    assert long > 0.5 > short


def test_without_vectors_many_speakers_stand_for_topics_that_last() -> None:
    none = np.zeros((40, 8), dtype=np.float32)
    meeting = history([segment(f"S{i % 5}: words") for i in range(40)], vectors=none)
    assert shape_of(meeting).persistence == 0.5
    assert shape_of(meeting).speakers == pytest.approx(5)
    assert shape_of(talk(40, vectors=none)).persistence == 0.0


def test_answer_ratio_and_tool_share_are_read_off_the_tokens() -> None:
    segments = [segment("q", tokens=10), segment("a", role="assistant", tokens=100)]
    assert shape_of(history(segments)).answer_ratio == pytest.approx(np.log(10))
    assert shape_of(history([segments[0], replace(segments[1], kind="tool")])).tool_share > 0.85
    assert shape_of(history([])).tool_share == 0


def test_neighbours_of_a_hit_gain() -> None:
    scores = np.zeros(40)
    scores[20] = 1.0
    flowed = Neighbours().flow(talk(40), scores)
    assert flowed[20] > flowed[21] > flowed[24] >= 0
    assert flowed[19] == pytest.approx(flowed[21])


@pytest.mark.parametrize(
    ("wider", "narrower"),
    [
        (Neighbours(per_speaker=2), Neighbours(per_speaker=0.7)),
        (Neighbours(persistence=9), Neighbours(persistence=1)),
        (Neighbours(longest=24), Neighbours(longest=1)),
        (Neighbours(own=0), Neighbours(own=3)),
    ],
)
def test_each_parameter_of_the_spread_moves_weight_to_the_neighbours(
    wider: Neighbours, narrower: Neighbours
) -> None:
    seen = talk(120, vectors=lasting(120, 12))
    scores = np.zeros(120)
    scores[60] = 1.0
    shares = [(flowed := graph.flow(seen, scores))[57] / flowed[60] for graph in (wider, narrower)]
    assert shares[0] > shares[1]


def test_pagerank_follows_shared_identifiers_similarity_and_neighbours() -> None:
    vectors = np.eye(6, dtype=np.float32)
    vectors[5] = vectors[1]
    texts = ["order W77", "b", "c", "ship W77", "e", "f"]
    seen = history([segment(t) for t in texts], vectors=vectors)
    scores = np.zeros(6)
    scores[0] = scores[1] = 1.0
    off = {"neighbours": 0.0, "identifiers": 0.0, "similarity": 0.0}
    assert PageRank(**off).flow(seen, scores) == pytest.approx(scores)
    assert np.flatnonzero(PageRank(**{**off, "identifiers": 1.0}).flow(seen, scores) > 0).tolist() == [
        0,
        1,
        3,
    ]
    assert np.flatnonzero(PageRank(**{**off, "similarity": 1.0}).flow(seen, scores) > 0).tolist() == [
        0,
        1,
        5,
    ]
    assert PageRank(**{**off, "similarity": 1.0}, nearest=0).flow(seen, scores) == pytest.approx(scores)
    near = PageRank(**{**off, "neighbours": 1.0}, steps=1)
    assert np.flatnonzero(near.flow(seen, scores) > 0).tolist() == [0, 1, 2]
    far = PageRank(**{**off, "neighbours": 1.0}, steps=1, restart=0.9)
    assert far.flow(seen, scores)[2] < near.flow(seen, scores)[2]


FLOWS: list[Callable[[History, np.ndarray], np.ndarray]] = [
    Neighbours().flow, PageRank().flow, Topics(share=0.5).pool
]  # fmt: skip


@pytest.mark.parametrize("flow", FLOWS)
@given(st.integers(1, 40), st.integers(0, 2**31))
def test_what_flows_is_linear_so_that_shares_stay_known(flow: Any, n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, n))
    seen = talk(n, vectors=lasting(n, 7))
    assert flow(seen, a + 2 * b) == pytest.approx(flow(seen, a) + 2 * flow(seen, b))


def test_dips_are_those_of_the_whole_however_long_a_history_is() -> None:
    topics = np.repeat(np.random.default_rng(1).normal(size=(45, 64)), 20, axis=0)
    found = np.flatnonzero(dips(topics, depth=0.5))
    assert found.tolist() == list(range(20, 900, 20))


def test_topics_end_at_dips_of_similarity_and_at_pauses() -> None:
    seen = talk(60, vectors=lasting(60, 20))
    assert np.flatnonzero(np.diff(Topics().labels(seen))).tolist() == [19, 39]
    assert not np.diff(Topics(depth=50).labels(seen)).any()
    rested = replace(talk(6), age_hours=np.array([9.0, 9, 9, 0, 0, 0]))
    assert Topics().labels(rested).tolist() == [0, 0, 0, 1, 1, 1]
    assert not Topics(gap_hours=10).labels(rested).any()


def test_a_topics_members_share_its_score() -> None:
    rested = replace(talk(4), age_hours=np.array([9.0, 9, 0, 0]))
    assert Topics(share=0.5).pool(rested, np.array([4.0, 0, 0, 0])) == pytest.approx([3, 1, 0, 0])
    assert Topics().pool(rested, np.array([4.0, 0, 0, 0])) == pytest.approx([4, 0, 0, 0])


def test_ranks_are_fused_by_their_reciprocals() -> None:
    scores, ones = np.array([5.0, 7.0, 5.0]), np.ones(3)
    assert ReciprocalRank(k=1).share(scores, ones, False) == pytest.approx([1 / 4, 1 / 2, 1 / 3])
    assert np.ptp(ReciprocalRank(k=100).share(scores, ones, False)) < 0.01


def test_a_raw_signal_keeps_its_units() -> None:
    assert Weighted().share(np.array([1.0, 3.0]), np.full(2, 0.5), raw=True) == pytest.approx(
        [0.5, 1.5]
    )
    assert Weighted().share(np.array([1.0, 3.0]), np.full(2, 0.5), raw=False) == pytest.approx(
        [-0.5, 0.5]
    )


def test_a_weight_may_depend_on_the_kind_of_content() -> None:
    seen = history([segment("a"), segment("b", kind="tool"), segment("c", kind="code")])
    signal = WeightedSignal("role", {"tool": 0.5, "conversation": 2.0}, Role(user=1, tool=1), raw=True)
    assert Policy("p", (signal,), Greedy()).shares(seen)["role"] == pytest.approx([2.0, 0.5, 1.0])


def test_what_spreads_keeps_its_weight_against_what_does_not() -> None:
    seen = talk(30, query="w7 w20")
    flowing = (("keyword", 3.0, Keyword()), ("semantic", 1.0, Semantic()))
    spread = [WeightedSignal(*given, spread=True) for given in flowing]
    policy = Policy(
        "p", (*spread, WeightedSignal("recency", 0.2, Recency())), Greedy(), graph=Neighbours()
    )
    shares = policy.shares(seen)
    assert (shares["keyword"] + shares["semantic"]).std() == pytest.approx(1)
    assert shares["recency"].std() == pytest.approx(0.2)
    plain = Policy("p", policy.signals, Greedy()).shares(seen)
    assert plain["keyword"] != pytest.approx(shares["keyword"])


def test_a_threshold_drops_what_is_irrelevant_though_there_is_room() -> None:
    seen, scores = talk(4), np.array([0.0, 0.0, 0.0, 4.0])
    assert Policy("p", (), Greedy()).select(seen, scores, 1000) == ({0, 1, 2, 3}, frozenset())
    assert Policy("p", (), Greedy(), threshold=0.5).select(seen, scores, 1000) == ({3}, {0, 1, 2})
    assert Policy("p", (), Greedy(), threshold=-2).select(seen, scores, 1000) == (
        {0, 1, 2, 3},
        frozenset(),
    )


def test_what_the_threshold_drops_is_told_from_what_has_no_room() -> None:
    said = [
        segment(f"about the roof {n}" if n % 2 else "nothing", turn=n + 1, id=str(n)) for n in range(12)
    ]
    seen = history([*said, segment("the roof?", turn=13, id="q")], "the roof?")
    strict = Policy(
        "p", (WeightedSignal("keyword", 1.0, Keyword()),), Greedy(), threshold=0.0, pins=Pins(False, 0)
    )
    verdicts = pruned(seen, strict, Budget(0, 125)).verdicts
    told = {v.reason: {w.segment.text for w in verdicts if w.reason == v.reason} for v in verdicts}
    assert told["below the threshold"] == told["no room"] == {"nothing"}
    assert {v.reason for v in pruned(seen, strict, Budget(0, 40)).verdicts if v.fate == "dropped"} == {
        "no room"
    }
