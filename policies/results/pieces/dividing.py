"""From a text to its pieces."""

from __future__ import annotations

from foveate.policies.results.pieces.kinds import kind_of, numbered, sample
from foveate.policies.results.pieces.leaves import NotJson, leaves
from foveate.policies.results.pieces.lines import lines
from foveate.policies.results.pieces.piece import Pieces, grain_of


def pieces_of(text: str) -> Pieces:
    """Return the pieces of a tool result in time that grows with its length, whatever it is."""
    grain = grain_of(text)
    try:
        return Pieces(text, "json", tuple(leaves(text, grain)))
    except NotJson:
        kind = kind_of(text)
        return Pieces(text, kind, tuple(lines(text, kind, grain)), numbered(sample(text)))
