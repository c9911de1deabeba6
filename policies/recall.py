"""Which dropped segments the latest turn needs back, quoted ahead of its own words."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from foveate.policies.terms import occurrences
from foveate.policies.types import History, Scores

EXCERPT_OVERHEAD = 12  # tokens that quoting takes beside the segment's own, the frame's share included
SHARE = 0.1  # of the high watermark, which the allowance never exceeds
_SENTENCE = re.compile(r"[^.!?？؟。\n]+[.!?？؟。\n]*")
_QUESTION_MARK = re.compile(r"[?？؟]\W*$")
_REQUEST = re.compile(
    r"\W*(?:\w+: )?(?:(?:please|can you|could you|would you) )*(?:who|whose|what|when|where|which|why|how|remind|recall"
    r"|tell|list|show|summari[sz]e|explain|describe|find|compare|give)\b",
    re.IGNORECASE,
)
_LOOKS_BACK = re.compile(
    r"\b(?:remind|remember|recall|earlier|previous(?:ly)?|last time|as before|go(?:ing)? back to"
    r"|we (?:discussed|talked|agreed|decided|said|chose)|you (?:said|told|mentioned|suggested|wrote|gave)"
    r"|i (?:said|told|mentioned|asked|gave|wrote))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Recall:
    """Between cuts, quotes the dropped segments that a turn needs; a turn that asks for nothing gets nothing.

    The allowance of a turn is `tokens` times the share of its words that ask, and never more than a tenth of the high
    watermark. It is spent only where a dropped segment resembles the turn.
    """

    enabled: bool = True
    tokens: int = 800
    threshold: float = 0.6  # share of a turn's words that must ask before anything is quoted
    resemblance: float = 0.29  # of the best dropped segment: its cosine, or the share of the turn's rare words it has

    def wanted(self, turn: str) -> bool:
        """Say whether a turn asks for enough to be looked into."""
        return self.enabled and need(turn) >= self.threshold

    def choose(self, history: History, scores: Scores, dropped: Collection[int], high: int) -> tuple[int, ...]:
        """Return positions of the dropped segments to quote, oldest first, within the allowance."""
        if not dropped or resemblance(history, dropped) < self.resemblance:
            return ()
        room = min(self.tokens, SHARE * high) * need(history.query_text)
        chosen = []
        for i in sorted(dropped, key=lambda i: (-scores[i], -i)):
            cost = history.segments[i].tokens + EXCERPT_OVERHEAD
            if cost <= room:
                chosen.append(i)
                room -= cost
        return tuple(sorted(chosen))


def need(turn: str) -> float:
    """Return how much of a turn asks for something, 0 to 1: its questions and requests, by words.

    A turn that looks back ("as we agreed earlier") counts at least half.
    """
    sentences = [s.strip() for s in _SENTENCE.findall(turn) if s.strip()]
    words = sum(len(s.split()) for s in sentences)
    if not words:
        return 0.0
    asking = sum(len(s.split()) for s in sentences if _QUESTION_MARK.search(s) or _REQUEST.match(s))
    return max(asking / words, 0.5 if _LOOKS_BACK.search(turn) else 0.0)


def resemblance(history: History, dropped: Collection[int]) -> float:
    """Return how much the most similar of the dropped segments has in common with the latest turn, 0 to 1."""
    rows = list(dropped)
    cosine = float((history.vectors[rows] @ history.query_vector).max()) if history.vectors.shape[1] else 0.0
    n = len(history.segments)
    terms = history.query.terms
    where, which, _ = occurrences(history, terms)
    having = np.bincount(which, minlength=terms.size)
    rarity = np.log1p((n - having + 0.5) / (having + 0.5))
    total = float(rarity.sum())
    if not total:
        return cosine
    shared = np.bincount(where, rarity[which], n)[rows]
    return max(cosine, float(shared.max()) / total)
