"""Text to the numbers of wordpieces: the likeliest way to write it with a vocabulary of weighted
pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

SPACE = "▁"  # stands for the space ahead of a word
UNKNOWN = 10.0  # by how much a character without a piece is less likely than the least likely piece
CACHED = 32768  # words


class Unigram:
    """SentencePiece's unigram model (Kudo 2018, Subword Regularization), a sixth of the memory of
    `tokenizers`.

    No piece reaches over a space, so that words are looked up one by one, and each once while it is
    remembered.
    """

    def __init__(
        self, pieces: Iterable[str], scores: list[float], unknown: int, characters: Mapping[int, str]
    ) -> None:
        self._ids = {piece: i for i, piece in enumerate(pieces)}
        self._scores = scores
        self._unknown = unknown
        self._unknown_score = min(scores) - UNKNOWN
        self._characters = characters
        self._reach: dict[str, int] = {}  # the longest piece by its first character
        for piece in self._ids:
            self._reach[piece[:1]] = max(self._reach.get(piece[:1], 1), len(piece))
        self._word = lru_cache(maxsize=CACHED)(self._cut)

    def encode(self, text: str, longest: int) -> list[int]:
        """Return the numbers of a text's pieces, `longest` at the most; no marks at its ends."""
        found: list[int] = []
        for word in text.translate(self._characters).split():
            found += self._word(SPACE + word)
            if len(found) >= longest:
                break
        return found[:longest]

    def _cut(self, word: str) -> list[int]:
        """Return the pieces whose scores have the largest sum, by dynamic programming over the
        characters.
        """
        n = len(word)
        best = [0.0] + [-1e30] * n
        last = [(0, self._unknown)] * (n + 1)  # where the piece that ends here begins, and its number
        for i in range(n):
            score = best[i]
            if score + self._unknown_score > best[i + 1]:
                best[i + 1] = score + self._unknown_score
                last[i + 1] = i, self._unknown
            for end in range(i + 1, min(n, i + self._reach.get(word[i], 1)) + 1):
                piece = self._ids.get(word[i:end])
                if piece is not None and score + self._scores[piece] > best[end]:
                    best[end] = score + self._scores[piece]
                    last[end] = i, piece
        pieces = []
        while n:
            n, piece = last[n]
            pieces.append(piece)
        return pieces[::-1]
