"""What a question is about, in languages that have other words of asking than English."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.policies.features import extract, extract_query
from foveate.policies.language.subject import subject_of


@pytest.mark.parametrize(
    ("question", "gone", "stays"),
    [
        ("Сколько игроков пропустили сезон?", "Сколько", "игроков пропустили сезон"),
        ("Welche Farbe hat das Auto von Herrn Braun?", "Welche", "Farbe"),
        ("¿Cuántos jugadores tiene el equipo de la ciudad?", "Cuántos", "jugadores"),
        ("谁在北京开了这家餐厅?", "谁", "北京开了这家餐厅"),
        ("この塔を建てたのは誰ですか?", "ですか", "この塔を建てたのは"),
    ],
)
def test_a_question_is_about_what_it_says_beside_its_words_of_asking(
    question: str, gone: str, stays: str
) -> None:
    about = subject_of(question)
    assert gone not in about
    assert stays in about


def test_words_of_asking_are_no_terms_of_a_question_and_some_of_a_text() -> None:
    asked = "Сколько игроков пропустили сезон?"
    rare = extract("сколько").terms
    assert not np.isin(rare, extract_query(asked).terms).any()
    assert np.isin(rare, extract(asked).terms).all()
    assert np.isin(extract("игроков").terms, extract_query(asked).terms).all()


@pytest.mark.parametrize("question", ["Who said what, and when?", "What colour is Ann's car?", ""])
def test_english_is_left_as_it_is(question: str) -> None:
    assert subject_of(question) == question


def test_a_question_of_nothing_else_keeps_its_words() -> None:
    for question in ("谁?", "Сколько?", "Warum?"):
        assert extract_query(question).terms.tolist() == extract(question).terms.tolist()


@given(st.text())
def test_any_text_asks_with_terms_of_its_own(text: str) -> None:
    found, whole = extract_query(text), extract(text)
    assert found.identifiers == whole.identifiers
    assert found.terms.size or not whole.terms.size
