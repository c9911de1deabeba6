"""Wordpieces by the likeliest way to write a text."""

from __future__ import annotations

from itertools import product

import pytest

from foveate.proxy.vectors.embedders.unigram import SPACE, Unigram

PIECES = ["<unk>", f"{SPACE}", f"{SPACE}ab", f"{SPACE}a", "a", "b", "c", "bc", "abc"]
SCORES = [0.0, -2.0, -2.5, -3.0, -4.0, -4.5, -5.0, -5.5, -9.0]


@pytest.fixture
def vocabulary() -> Unigram:
    return Unigram(PIECES, SCORES, 0, {ord("\t"): " ", ord("Ａ"): "a", ord("\x00"): ""})


def spelled(vocabulary: Unigram, text: str) -> list[str]:
    return [PIECES[i] for i in vocabulary.encode(text, 99)]


def test_the_pieces_with_the_largest_sum_win(vocabulary: Unigram) -> None:
    assert spelled(vocabulary, "abc") == [f"{SPACE}ab", "c"]
    assert spelled(vocabulary, "bc") == [SPACE, "bc"]


def test_no_way_to_write_a_word_is_likelier(vocabulary: Unigram) -> None:
    """Every word of up to four letters, against all ways to cut it."""
    scores = dict(zip(PIECES[1:], SCORES[1:], strict=True))
    for letters in product("abc", repeat=4):
        word = SPACE + "".join(letters)
        found = [PIECES[i] for i in vocabulary.encode("".join(letters), 99)]
        assert "".join(found) == word
        best = max(sum(scores[piece] for piece in way) for way in ways(word, scores))
        assert sum(scores[piece] for piece in found) == pytest.approx(best)


def ways(word: str, scores: dict[str, float]) -> list[list[str]]:
    if not word:
        return [[]]
    heads = [word[:n] for n in range(1, len(word) + 1) if word[:n] in scores]
    return [[head, *rest] for head in heads for rest in ways(word[len(head) :], scores)]


def test_a_character_without_a_piece_is_unknown_by_itself(vocabulary: Unigram) -> None:
    assert spelled(vocabulary, "a☃b") == [f"{SPACE}a", "<unk>", "b"]


def test_characters_are_brought_to_their_normal_form_and_spaces_to_one(vocabulary: Unigram) -> None:
    assert vocabulary.encode(" Ａb\t \x00 c ", 99) == vocabulary.encode("ab c", 99)


def test_a_text_is_read_up_to_the_longest(vocabulary: Unigram) -> None:
    assert vocabulary.encode("ab ab ab ab", 3) == vocabulary.encode("ab ab ab", 99)
    assert vocabulary.encode("", 3) == []
