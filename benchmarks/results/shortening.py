"""One result, shortened to what the agent's next step needs."""

from __future__ import annotations

from dataclasses import dataclass

from foveate.policies.results.competing import Count, compete
from foveate.policies.results.pieces.dividing import pieces_of
from foveate.policies.results.pieces.render import render
from foveate.policies.results.reading import reading_of
from foveate.policies.results.scoring import Need, Offer
from foveate.policies.results.settings import Results


@dataclass(frozen=True, slots=True)
class Shortened:
    """A result as it is sent."""

    text: str
    kind: str
    shown: frozenset[int]  # positions of its pieces
    of: int  # how many pieces it has
    tokens: int  # of the text
    before: int  # of the whole result


def shorten(text: str, need: Need, room: int, results: Results, count: Count) -> Shortened:
    """Return a result in at most `room` tokens by `count`, the whole where it fits or cannot be
    divided.
    """
    before = count(text)
    pieces = pieces_of(text)
    whole = frozenset(range(len(pieces)))
    if before <= room or len(pieces) < 2:
        return Shortened(text, pieces.kind, whole, len(pieces), before, before)
    ratio = before / max(1, len(text))
    offer = Offer(pieces, reading_of(pieces), call=need.step, ratio=ratio)
    (shown,) = compete([offer], need, room, results, count)
    short = render(pieces, shown)
    return Shortened(short, pieces.kind, shown, len(pieces), count(short), before)
