"""What a turn gets back of what earlier cuts dropped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from foveate.policies.recall import (
    EXCERPT_OVERHEAD,
    FRAME_OVERHEAD,
    SHARE,
    Recall,
    Turn,
    need,
    resemblance,
    shared_words,
)
from foveate.policies.types import History, Scores
from support.conversations import TOPICS, history, segment

TRAIN = TOPICS.index("the night train to Vienna leaves from platform seven")
DROPPED = range(len(TOPICS))
ASKED = "Which platform does the night train to Vienna leave from?"


def talk(query: str, tokens: int = 10) -> object:
    """The topics as dropped segments, and a query."""
    return history([segment(topic, tokens=tokens) for topic in TOPICS], query)


def scores(best: int) -> np.ndarray:
    """Scores of which one stands out."""
    return np.array([float(i == best) for i in DROPPED])


def quoted(
    recall: Recall,
    history: History,
    of: Scores,
    dropped: Sequence[int],
    high: int,
    left: float = math.inf,
) -> tuple[int, ...]:
    """Return what a turn is quoted of what was dropped."""
    turn = Turn(history.query_text)
    return recall.choose(history, of, dropped, turn, recall.room(turn, high, left))


@pytest.mark.parametrize(
    "turn",
    [
        "When does the train leave?", "what was the name of my sister's cake", "Please remind me of the plan",
        "Can you list the invoices that were paid twice", "Ada: Where did we put it?",
        "\u00bfCu\u00e1ndo sale el tren?",
        "\u706b\u8eca\u4ec0\u9ebc\u6642\u5019\u958b\uff1f",
        "\u0645\u062a\u0649 \u064a\u063a\u0627\u062f\u0631 \u0627\u0644\u0642\u0637\u0627\u0631\u061f",
    ],
)  # fmt: skip
def test_questions_and_requests_ask(turn: str) -> None:
    assert need(turn) == 1.0
    assert Recall().wanted(Turn(turn))


@pytest.mark.parametrize(
    "turn",
    [
        "thanks!",
        "",
        "   ",
        "...",
        "Good morning, I slept well.",
        "I bought tomatoes today. They are red.",
        "I bought tomatoes; they are red;",
        "We set α = 1; then β = 2;",
    ],
)
def test_what_asks_for_nothing_gets_nothing(turn: str) -> None:
    assert need(turn) == 0.0
    assert not Recall().wanted(Turn(turn))


def test_need_is_the_share_of_the_words_that_ask() -> None:
    assert need("I slept well tonight. Did you sleep well?") == pytest.approx(0.5)
    assert need("One two three. Four? Five six.") == pytest.approx(1 / 6)


def test_a_turn_that_looks_back_needs_at_least_half() -> None:
    assert need("Let's do it the way we discussed. It was a good plan, and all of us liked it.") == 0.5


def test_the_threshold_decides_who_is_looked_into() -> None:
    turn = "I slept well tonight. Did you sleep well?"
    assert Recall(threshold=0.5).wanted(Turn(turn))
    assert not Recall(threshold=0.51).wanted(Turn(turn))


def test_recall_can_be_turned_off() -> None:
    assert not Recall(enabled=False).wanted(Turn(ASKED))


def test_the_best_of_the_dropped_are_quoted_oldest_first() -> None:
    best = np.array([3.0, 0, 0, 2.0, 0, 4.0])
    chosen = quoted(
        Recall(tokens=FRAME_OVERHEAD + 3 * (10 + EXCERPT_OVERHEAD)), talk(ASKED), best, DROPPED, 10**6
    )
    assert chosen == (0, 3, 5)


def test_only_what_was_dropped_is_quoted() -> None:
    assert quoted(Recall(), talk(ASKED), scores(TRAIN), [0, 1], 10**6) in ((), (0, 1))
    assert quoted(Recall(), talk(ASKED), scores(TRAIN), [], 10**6) == ()


@pytest.mark.parametrize("room", [0, 39, 40, 53, 54, 200])
def test_the_allowance_is_met_excerpts_overheads_counted(room: int) -> None:
    chosen = quoted(Recall(tokens=room), talk(ASKED), scores(TRAIN), DROPPED, 10**6)
    assert len(chosen) == min(len(TOPICS), max(0, room - FRAME_OVERHEAD) // (10 + EXCERPT_OVERHEAD))


def test_the_allowance_is_a_share_of_the_high_watermark_at_the_most() -> None:
    chosen = quoted(Recall(tokens=10**6), talk(ASKED), scores(TRAIN), DROPPED, high=540)
    assert len(chosen) == int(540 * SHARE - FRAME_OVERHEAD) // (10 + EXCERPT_OVERHEAD) == 2


def test_no_more_is_quoted_than_the_prompt_has_left() -> None:
    chosen = quoted(
        Recall(tokens=10**6), talk(ASKED), scores(TRAIN), DROPPED, 10**6, left=FRAME_OVERHEAD + 30
    )
    assert len(chosen) == 30 // (10 + EXCERPT_OVERHEAD) == 2
    assert quoted(Recall(), talk(ASKED), scores(TRAIN), DROPPED, 10**6, left=-5) == ()


def test_a_turn_that_asks_with_half_its_words_gets_half() -> None:
    asked = "My train is late today again. Which platform does it leave from?"
    whole = len(
        quoted(
            Recall(tokens=FRAME_OVERHEAD + 6 * (10 + EXCERPT_OVERHEAD)),
            talk(ASKED),
            scores(TRAIN),
            DROPPED,
            10**6,
        )
    )
    half = len(
        quoted(
            Recall(tokens=FRAME_OVERHEAD + 6 * (10 + EXCERPT_OVERHEAD)),
            talk(asked),
            scores(TRAIN),
            DROPPED,
            10**6,
        )
    )
    assert (whole, half) == (6, 2)


def test_what_is_too_long_is_passed_over_for_what_fits() -> None:
    given = talk(ASKED)
    long = [replace(s, tokens=500) if i == TRAIN else s for i, s in enumerate(given.segments)]
    chosen = quoted(
        Recall(tokens=FRAME_OVERHEAD + 15), replace(given, segments=long), scores(TRAIN), DROPPED, 10**6
    )
    assert len(chosen) == 1
    assert TRAIN not in chosen


def test_nothing_is_quoted_where_nothing_resembles_the_turn() -> None:
    stranger = talk("Quantum chromodynamics confinement?")
    assert resemblance(stranger, DROPPED) < Recall().resemblance
    assert quoted(Recall(), stranger, scores(0), DROPPED, 10**6) == ()
    assert quoted(Recall(resemblance=0.0), stranger, scores(0), DROPPED, 10**6)


def test_a_turn_in_a_language_that_no_cue_is_known_of_asks_by_its_rare_words() -> None:
    told = talk("Wapi treni inaondoka leo")
    said = replace(told.segments[0], text="treni inaondoka leo kituoni wapi")
    near = history([said, *told.segments[1:]], told.query_text)
    assert need(near.query_text) is None
    assert Recall(tokens=800).room(Turn(near.query_text), 10**6) == 800
    assert quoted(Recall(), near, scores(0), DROPPED, 10**6)[0] == 0
    assert quoted(Recall(), told, scores(0), DROPPED, 10**6) == ()
    assert quoted(Recall(unread=0.0), told, scores(0), DROPPED, 10**6)


def test_a_question_of_common_words_alone_shares_no_word_with_anything() -> None:
    assert shared_words(talk("And then what?"), DROPPED) == 0.0


def test_resemblance_is_the_cosine_or_the_share_of_the_rare_words() -> None:
    given = talk(ASKED)
    assert resemblance(given, [TRAIN]) > 0.5 > resemblance(given, [0])
    blind = replace(
        given,
        vectors=np.zeros((len(TOPICS), 0), dtype=np.float32),
        query_vector=np.zeros(0, dtype=np.float32),
    )
    assert resemblance(blind, [TRAIN]) > 0.5
    assert 0 <= resemblance(blind, [0]) < resemblance(blind, [TRAIN]) <= 1
