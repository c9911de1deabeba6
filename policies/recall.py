"""Which dropped segments the latest turn needs back, quoted ahead of its own words."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from foveate.policies.language.cues import languages_of
from foveate.policies.language.words import words
from foveate.policies.terms import occurrences
from foveate.policies.types import History, Scores

EXCERPT_OVERHEAD = 4  # tokens that quoting one takes beside the segment's own
FRAME_OVERHEAD = 26  # tokens of the frame that a turn's excerpts stand in
SHARE = 0.1  # of the high watermark, which the allowance never exceeds
# What ends a sentence, and what ends a question, in any script; U+037E, which is Greek, looks like a semicolon.
_SENTENCE = re.compile(r"[^.!?\n？！。｡؟۔।॥\u037e՞፧።⁇⁈⁉‽]+[.!?\n？！。｡؟۔।॥\u037e՞፧።⁇⁈⁉‽]*")
_QUESTION_MARK = re.compile(r"[?？؟\u037e՞፧⁇⁈⁉‽]\W*$|¿|՞")
_GREEK = re.compile("[\u0370-\u03ff]{2}")  # a letter alone is a symbol


@dataclass(frozen=True)
class Turn:
    """What the user has said last."""

    text: str

    @cached_property
    def asks(self) -> float | None:
        """How much of it asks for something, see `need`: read where that matters, and once."""
        return need(self.text)


@dataclass(frozen=True, slots=True)
class Recall:
    """Between cuts, quotes the dropped segments that a turn needs; a turn that asks for nothing gets
    nothing.

    The allowance of a turn is `tokens` times the share of its words that ask, and never more than a
    tenth of the high watermark, or than the prompt has left below it: a cut would follow at once. It is
    spent only where a dropped segment resembles the turn.
    """

    enabled: bool = True
    tokens: int = 800
    threshold: float = 0.6  # share of a turn's words that must ask before anything is quoted
    # Of the best dropped segment: its cosine, or the share of the turn's rare words it has
    resemblance: float = 0.29
    # Of a turn in a language without cues: the share of its rare words that the best one must have
    unread: float = 0.5

    def wanted(self, turn: Turn) -> bool:
        """Say whether a turn asks for enough to be looked into, or is in a language that tells nothing
        of that.
        """
        if not self.enabled:
            return False
        return turn.asks is None or turn.asks >= self.threshold

    def choose(
        self,
        history: History,
        scores: Scores,
        dropped: Collection[int],
        turn: Turn,
        room: float,
    ) -> tuple[int, ...]:
        """Return positions of the dropped segments to quote for a turn, oldest first, within `room`
        tokens, their frame included.
        """
        if not dropped or not self.resembles(history, dropped, turn.asks is None):
            return ()
        room -= FRAME_OVERHEAD
        chosen = []
        for i in sorted(dropped, key=lambda i: (-scores[i], -i)):
            cost = history.segments[i].tokens + EXCERPT_OVERHEAD
            if cost <= room:
                chosen.append(i)
                room -= cost
        return tuple(sorted(chosen))

    def allowance(self, high: int) -> int:
        """Return the most tokens that a turn may be quoted."""
        return int(min(self.tokens, SHARE * high))

    def room(self, turn: Turn, high: int, left: float = math.inf) -> float:
        """Return the tokens that a turn may be quoted: the allowance by how much of it asks, and no more
        than are `left`.
        """
        share = 1.0 if turn.asks is None else turn.asks
        return min(self.allowance(high) * share, left)

    def resembles(self, history: History, dropped: Collection[int], unread: bool) -> bool:
        """Say whether something of the dropped is close enough to the turn."""
        if unread:
            return shared_words(history, dropped) >= self.unread
        return resemblance(history, dropped) >= self.resemblance


def need(turn: str) -> float | None:
    """Return how much of a turn asks for something, 0 to 1: its questions and requests, by words.

    A turn that looks back ("as we agreed earlier") counts at least half. None where no question mark
    tells it and the language is one that no cue is known of.
    """
    text = turn.lower().replace("’", "'")
    if _GREEK.search(text):
        text = text.replace(";", "?")
    sentences = [s.strip() for s in _SENTENCE.findall(text)]
    sizes = [len(words(s)) for s in sentences]
    if not sum(sizes):
        return 0.0
    languages = languages_of(text)
    asking = [
        _QUESTION_MARK.search(s) is not None or any(x.asking(s) for x in languages) for s in sentences
    ]
    if not languages and not any(asking):
        return None
    share = sum(size for size, asks in zip(sizes, asking, strict=True) if asks) / sum(sizes)
    return max(share, 0.5 if any(x.looks_back.search(text) for x in languages) else 0.0)


def resemblance(history: History, dropped: Collection[int]) -> float:
    """Return how much the most similar of the dropped segments has in common with the latest turn, 0 to
    1.
    """
    cosine = float(np.nan_to_num(history.cosines()[list(dropped)]).max())
    return max(cosine, shared_words(history, dropped))


def shared_words(history: History, dropped: Collection[int]) -> float:
    """Return the largest share of the latest turn's words, by rarity, that one of the dropped segments
    has.
    """
    n = len(history.segments)
    terms = history.query.terms
    where, which, _ = occurrences(history, terms)
    having = np.bincount(which, minlength=terms.size)
    rarity = np.log1p((n - having + 0.5) / (having + 0.5))
    total = float(rarity.sum())
    if not total:
        return 0.0
    shared = np.bincount(where, rarity[which], n)[list(dropped)]
    return float(shared.max()) / total
