"""Words of every script, and what they count as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.policies.features import extract
from foveate.policies.language.stemming import stem_foreign
from foveate.policies.language.words import normal, terms_of, words


def shared(one: str, other: str) -> int:
    """How many terms two texts have in common."""
    return len(set(extract(one).terms.tolist()) & set(extract(other).terms.tolist()))


def test_a_script_without_spaces_is_read_as_pairs_of_characters() -> None:
    assert words("夜车从七号站") == ["夜车", "车从", "从七", "七号", "号站"]
    assert words("GPT模型，很大") == ["GPT", "模型", "很大"]
    assert words("猫") == ["猫"]


def test_letters_of_scripts_without_spaces_come_in_threes() -> None:
    assert words("ภาษาไทย") == ["ภาษ", "าษา", "ษาไ", "าไท", "ไทย"]


@pytest.mark.parametrize("word", ["हिन्दी", "শব্দ", "தமிழ்", "مُحَمَّد", "שָׁלוֹם", "café", "naïve", "ёлка"])
def test_marks_do_not_part_a_word(word: str) -> None:
    assert words(f"{word} {word}") == [word, word]


def test_full_width_letters_and_digits_of_any_script_are_plain_ones() -> None:
    assert normal("ＡＢＣ１２３") == "ABC123"
    assert normal("٢٠٢٤ २०२४ ๒๐๒๔") == "2024 2024 2024"
    assert (
        extract("注文番号はＡＢ－１２３４です").identifiers
        == extract("注文番号はAB-1234です").identifiers
        != ()
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("город", "городами"), ("построили", "построил"), ("красивая", "красивого"), ("книга", "книгами"),
        ("الكتاب", "كتاب"), ("مدرسة", "والمدرسة"), ("مُدرّس", "مدرس"), ("लड़का", "लड़के"), ("किताबें", "किताब"),
        ("Café", "cafe"), ("MÜLLER", "muller"), ("données", "donnee"), ("שָׁלוֹם", "שלום"),
    ],
)  # fmt: skip
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    assert terms_of(one) == terms_of(other)


@pytest.mark.parametrize(
    ("question", "answer", "stranger"),
    [
        ("夜车从几号站台出发？", "开往维也纳的夜车从七号站台出发。", "姐姐昨天烤了一个蛋糕。"),
        ("夜行列車は何番線から出ますか。", "ウィーン行きの夜行列車は7番線から出る。", "姉がケーキを焼いた。"),
        ("야간열차는 몇 번 승강장에서 출발하나요?", "빈행 야간열차가 7번 승강장에서 떠난다.", "언니가 빵을 구웠다."),
        ("С какого пути уходит ночной поезд?", "Ночные поезда в Вену отходят с седьмого пути.", "Сестра пекла торт."),
        ("रात की ट्रेन किस प्लेटफ़ॉर्म से जाती है?", "रात की ट्रेनें सातवें प्लेटफ़ॉर्म से जाती हैं।", "बहन ने केक बनाया।"),
    ],
)  # fmt: skip
def test_an_answer_shares_more_terms_with_its_question_than_a_stranger(
    question: str, answer: str, stranger: str
) -> None:
    assert shared(question, answer) > shared(question, stranger)


def test_english_is_read_as_before() -> None:
    assert words("What did Ann's cat do in v2.0?") == [
        "What",
        "did",
        "Ann",
        "s",
        "cat",
        "do",
        "in",
        "v2",
        "0",
    ]
    assert terms_of("TrainTicket") == ("trainticket", "train", "ticket")
    assert terms_of("the") == ()


@given(st.text(max_size=200))
def test_any_text_has_words_that_are_in_it(text: str) -> None:
    plain = normal(text)
    assert all(word in plain and terms_of(word) is not None for word in words(plain))


@given(st.text(min_size=1, max_size=12))
def test_any_word_has_a_stem(word: str) -> None:
    assert isinstance(stem_foreign(word), str)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("東京タワーを建てた", ["東京", "タワー", "建"]),
        ("彼はりんごを食べる", ["彼", "はり", "りん", "んご", "ごを", "食"]),
        ("はい", ["はい"]),
        ("みき", ["みき"]),
        ("今日は3月です", ["今日", "3", "月"]),
    ],
)
def test_the_scripts_of_japanese_part_its_words_and_endings_are_none(
    text: str, parts: list[str]
) -> None:
    assert words(text) == parts
