"""A long message in pieces, of which some can stay while others go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from foveate.proxy.formats.parsed import Piece
from foveate.proxy.formats.text import kind_of, split
from foveate.proxy.formats.tokens import TokenCounter

# The most that a message may hold beside its text and still be split: each part that stays brings it along.
MOST_BESIDE = 30
MARK_TOKENS = 14  # of the mark that stands where parts were dropped, its line breaks included


def pieces_of(texts: Iterable[str], tokens: int, counter: TokenCounter, split_over: int) -> tuple[Piece, ...]:
    """Return the pieces of a message of so many `tokens`, whose content is `texts`; none where one would be all."""
    pieces = tuple(
        Piece(n, stretch, counter.text(stretch), kind_of(stretch))
        for n, text in enumerate(texts)
        for stretch in split(text, size=4 * (split_over // 4))
    )
    beside = tokens - sum(piece.tokens for piece in pieces)
    return pieces if len(pieces) > 1 and beside <= MOST_BESIDE else ()


def beside_of(tokens: int, pieces: Sequence[Piece]) -> int:
    """Return the most that keeping one piece costs beside its text.

    The message's frame, a mark on either side, and one in each other text of a content list.
    """
    if not pieces:
        return 0
    texts = len({piece.part for piece in pieces})
    return tokens - sum(piece.tokens for piece in pieces) + MARK_TOKENS * (1 + texts)
