"""The signals beside meaning, words and age; each parameter changes an outcome."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from foveate.policies.features import extract
from foveate.policies.signals.directive import Directive, laid_down
from foveate.policies.signals.novelty import Novelty
from foveate.policies.signals.recency import Recency
from foveate.policies.signals.references import References
from foveate.policies.signals.speaker import Speaker
from foveate.policies.signals.task import Task
from foveate.policies.terms import term_id
from foveate.policies.types import History
from support.conversations import history, segment


def named(*said: tuple[str, str], query: str) -> History:
    """Return what was said by whom."""
    segments = [segment(f"{who}: {text}", role="user") for who, text in said]
    return history(segments, query)


def test_speaker_prefers_the_words_of_whom_the_query_names() -> None:
    seen = named(("Ann", "I paint"), ("Ben", "I sail"), ("Ann", "and I ski"), query="What does Ann do?")
    assert Speaker().score(seen) == pytest.approx([1, 0, 1])
    assert not Speaker(names=False).score(seen).any()


def test_speaker_reads_persons_where_nobody_has_a_name() -> None:
    talk = [segment("I paint"), segment("How nice, try oil", role="assistant")]
    assert Speaker().score(history(talk, "what did you suggest?")) == pytest.approx([0, 1])
    assert Speaker().score(history(talk, "what is my hobby?")) == pytest.approx([1, 0])
    assert not Speaker().score(history(talk, "what is the weather?")).any()
    assert not Speaker(persons=False).score(history(talk, "what is my hobby?")).any()


def test_an_answer_that_begins_with_a_word_and_a_colon_is_no_speaker() -> None:
    talk = [
        segment("hello"),
        segment("Note: be careful", role="assistant"),
        segment("ok"),
        segment("fine"),
    ]
    assert Speaker().score(history(talk, "what did I note?")) == pytest.approx([1, 0, 1, 1])


def test_recency_knows_hours() -> None:
    seen = replace(history([segment(turn=1), segment(turn=3)]), age_hours=np.array([4.0, 0.0]))
    assert Recency(half_life_turns=0, half_life_hours=2).score(seen) == pytest.approx([0.25, 1.0])
    assert Recency(half_life_turns=2, half_life_hours=2).score(seen) == pytest.approx([0.125, 1.0])


def test_references_count_later_namings_quotations_and_recalls() -> None:
    texts = [
        "order W123 is late",
        "the sun is out today",
        'you said "the sun is out today"',
        "cancel W123",
        "other",
    ]
    seen = replace(history([segment(t) for t in texts]), recalls=np.array([0, 0, 0, 0, 9.0]))
    only = {"identifiers": 0.0, "quotes": 0.0, "recalls": 0.0}
    for part, best in (("identifiers", 0), ("quotes", 1), ("recalls", 4)):
        scores = References(**{**only, part: 1.0}).score(seen)
        assert scores == pytest.approx([float(i == best) for i in range(5)])


def test_task_shares_the_words_of_the_last_user_turns() -> None:
    talk = [segment("the roof leaks"), segment("a new car"), segment("roof tiles", role="assistant")]
    seen = history([*talk, segment("about the roof"), segment("and the price")], "thanks")
    assert Task(turns=2).score(seen)[2] > 0
    assert Task(turns=1).score(seen)[2] == 0
    assert Task(turns=0).score(seen)[:3] == pytest.approx([0, 0, 0])


def test_task_reads_all_user_turns_where_there_are_fewer_than_asked_for() -> None:
    talk = [
        segment("the roof leaks"),
        segment("roof tiles", role="assistant"),
        segment("and the price"),
    ]
    seen = history(talk, "thanks")
    for turns in (2, 3, 100):
        assert Task(turns=turns).score(seen)[1] > 0
    assert Task(turns=3).score(seen) == pytest.approx(Task(turns=2).score(seen))


DIRECTIVES = [
    ("From now on, answer in metric units.", "instruction"),
    ("Please always cite sources.", "instruction"),
    ("Never use emojis.", "instruction"),
    ("Call me Ishmael.", "preference"),
    ("I'd prefer short answers", "preference"),
    ("No, that's wrong, it was Tuesday", "correction"),
]
PLAIN = [
    "I always loved the sea.",
    "She never called.",
    "What is the time?",
    "We met in May, I prefer not to say.",
][:3]


@pytest.mark.parametrize(("text", "kind"), DIRECTIVES)
def test_directive_knows_what_outlives_similarity(text: str, kind: str) -> None:
    values = {"instruction": 0.0, "preference": 0.0, "correction": 0.0, kind: 0.7}
    seen = history([segment(text), segment(text, role="assistant"), *(segment(p) for p in PLAIN)])
    assert Directive(**values).score(seen) == pytest.approx([0.7, 0, 0, 0, 0])  # type: ignore[arg-type]
    assert not Directive(longest=5).score(seen).any()
    among_people = history([segment(f"Ann: {text}"), segment("Ben: fine")])
    assert not Directive().score(among_people).any()


def test_standing_instructions_are_the_newest_first_and_no_corrections() -> None:
    said = [text for text, _ in DIRECTIVES[1:]]
    seen = history([segment(text) for text in said])
    kept = [i for i, (_, kind) in enumerate(DIRECTIVES[1:]) if kind != "correction"]
    assert laid_down(seen) == [(i, 0, -1) for i in reversed(kept)]


def test_what_is_two_kinds_of_directive_counts_as_the_larger() -> None:
    seen = history([segment("No, that's wrong. Never use emojis.")])
    for values in ({"instruction": 0.2, "correction": 0.7}, {"instruction": 0.7, "correction": 0.2}):
        assert Directive(**values).score(seen) == pytest.approx([0.7])


def test_novelty_is_low_where_something_newer_says_the_same() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 0], [0.8, 0.6]], dtype=np.float32)
    seen = history([segment(str(n)) for n in range(4)], vectors=vectors)
    scores = Novelty(alike=0.5).score(seen)
    assert scores[0] == pytest.approx(0)
    assert scores[3] == 1
    assert Novelty(alike=0.9).score(seen)[2] == 1
    assert scores[2] < 1
    assert Novelty(alike=0.7, reach=1).score(seen)[0] == 1


def test_novelty_compares_across_blocks() -> None:
    vectors = np.eye(8, dtype=np.float32)
    vectors[5] = vectors[3]
    seen = history([segment(str(n)) for n in range(8)], vectors=vectors)
    for reach in (2, 3, 7):
        assert np.flatnonzero(Novelty(reach=reach).score(seen) < 0.5).tolist() == [3]


def test_features_read_identifiers_speakers_and_quotes() -> None:
    found = extract('Ann: see src/app_main.py, order #W123 of 2024-05-06, "it was a dark night"')
    assert {"src/app_main.py", "w123", "2024-05-06"} <= set(found.identifiers)
    assert found.speaker == "ann"
    assert found.quotes == ("it was a dark night",)
    assert extract("hi", "Mary_Ann").speaker == "mary ann"
    assert set(extract("parseJsonBody").terms) >= {
        term_id(t) for t in ("parsejsonbodi", "pars", "json", "bodi")
    }
