"""Each signal by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from foveate.policies.policy import WeightedSignal
from foveate.policies.signals.keyword import Keyword
from foveate.policies.signals.recency import Recency
from foveate.policies.signals.role import Role
from foveate.policies.signals.semantic import Semantic
from support.conversations import history, segment


def test_keyword_prefers_segments_that_share_words_with_the_query() -> None:
    seen = history(
        [segment("the cat sat"), segment("trains leave at noon"), segment("nothing here")],
        "when do trains leave?",
    )
    scores = Keyword().score(seen)
    assert scores.argmax() == 1
    assert scores[2] == 0


def test_keyword_values_a_rare_word_above_a_common_one() -> None:
    common = [segment(f"invoice number {n}") for n in range(9)]
    seen = history([*common, segment("zebra number nine")], "invoice zebra")
    assert Keyword().score(seen).argmax() == 9


def test_keyword_knows_inflected_words_and_pieces_of_identifiers() -> None:
    seen = history(
        [
            segment("he paid for the trains"),
            segment("call load_user_settings()"),
            segment("other words"),
        ],
        "train user",
    )
    scores = Keyword().score(seen)
    assert scores[0] > 0
    assert scores[1] > 0
    assert scores[2] == 0


def test_keyword_is_bm25_to_the_number() -> None:
    seen = history([segment("apple apple pear"), segment("pear")], "apple")
    idf = np.log(1 + (2 - 1 + 0.5) / 1.5)
    expected = idf * 2 * 2.5 / (2 + 1.5 * (0.25 + 0.75 * 3 / 2))
    assert Keyword(k1=1.5, b=0.75, power=1.0).score(seen) == pytest.approx([expected, 0.0])
    assert Keyword(k1=1.5, b=0.75, power=2.0).score(seen) == pytest.approx([expected**2, 0.0])


def test_keywords_b_discounts_long_segments_and_k1_repeats() -> None:
    texts = [segment("apple"), segment("apple " + "filler " * 50)]
    even = Keyword(b=0, power=1).score(history(texts, "apple"))
    assert even[0] == pytest.approx(even[1])
    tilted = Keyword(b=1, power=1).score(history(texts, "apple"))
    assert tilted[0] > tilted[1]
    repeats = [segment("apple"), segment("apple " * 20)]
    soon, late = (Keyword(k1=k1, b=0).score(history(repeats, "apple")) for k1 in (0.1, 10))
    assert soon[1] / soon[0] < late[1] / late[0]


def test_an_empty_query_scores_nothing() -> None:
    assert not Keyword().score(history([segment("a b c")], "")).any()


def test_semantic_is_the_cosine_to_the_query() -> None:
    seen = history([segment("red balloons"), segment("blue cars")], "red balloons")
    scores = Semantic().score(seen)
    assert scores[0] == pytest.approx(1)
    assert scores[1] < scores[0]


def test_a_temperature_makes_the_nearest_stand_out_and_keeps_the_order() -> None:
    seen = history([segment("red balloons"), segment("red cars"), segment("blue cars")], "red balloons")
    cosines, shares = Semantic().score(seen), Semantic(temperature=0.1).score(seen)
    assert shares.argsort().tolist() == cosines.argsort().tolist()
    assert shares[0] == pytest.approx(1)
    assert shares[1] / shares[0] < cosines[1] / cosines[0]


def test_a_segment_without_a_vector_scores_as_the_mean() -> None:
    vectors = np.array([[1, 0], [0, 1], [0, 0]], dtype=np.float32)
    seen = history([segment("a"), segment("b"), segment("c")], "q", vectors=vectors)
    object.__setattr__(seen, "query_vector", np.array([1, 0], dtype=np.float32))
    assert Semantic().score(seen) == pytest.approx([1, 0, 0.5])


def test_recency_halves_with_the_half_life() -> None:
    seen = history([segment(turn=1), segment(turn=3), segment(turn=5)])
    assert Recency(half_life_turns=2).score(seen) == pytest.approx([0.25, 0.5, 1.0])


def test_role_values_what_it_is_told_to() -> None:
    seen = history(
        [segment(role="user"), segment(role="assistant"), segment(role="assistant", kind="tool")]
    )
    assert Role(user=3, assistant=2, tool=1).score(seen) == pytest.approx([3, 2, 1])


def alike(share: float, n: int = 40) -> np.ndarray:
    """Return unit vectors of which each has that share of its square in common with all."""
    vectors = np.zeros((n, n + 1), dtype=np.float32)
    vectors[:, n] = share**0.5
    vectors[np.arange(n), np.arange(n)] = (1 - share) ** 0.5
    return vectors


@pytest.mark.parametrize(
    ("share", "varied", "trusted"), [(0.2, 0.6, 1.0), (0.7, 0.6, 0.24), (0.7, 0.0, 1.0)]
)
def test_an_embedder_that_tells_little_apart_counts_less(
    share: float, varied: float, trusted: float
) -> None:
    seen = history([segment(f"w{i}") for i in range(40)], "w1", vectors=alike(share))
    seen = replace(seen, varied=varied)
    assert Semantic().trust(seen) == pytest.approx(trusted, abs=0.02)
    weights = WeightedSignal("semantic", 2.0, Semantic()).weights(seen)
    assert weights == pytest.approx(np.full(40, 2 * trusted), abs=0.04)


def test_few_vectors_do_not_tell_what_an_embedder_knows() -> None:
    seen = history([segment(f"w{i}") for i in range(20)], "w1", vectors=alike(0.9, 20))
    assert Semantic().trust(replace(seen, varied=0.6)) == 1
    known = alike(0.9, 80)
    known[40:] = 0
    known[39] = 0
    seen = history([segment(f"w{i}") for i in range(80)], "w1", vectors=known)
    assert Semantic().trust(replace(seen, varied=0.6)) == 1
