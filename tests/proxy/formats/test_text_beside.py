"""A block's text beside its pieces."""

from __future__ import annotations

from foveate.proxy.formats.parsed import Block, Piece
from foveate.proxy.formats.wire.text import text_beside


def test_a_text_is_held_once_where_its_pieces_spell_it() -> None:
    pieces = (Piece(0, "one\n", 1, "conversation"), Piece(0, "two", 1, "conversation"))
    assert text_beside(pieces, "one\ntwo") == ""
    assert text_beside(pieces, "one\ntwo and more") == "one\ntwo and more"
    assert text_beside(pieces, "reminded: one\ntwo") == "reminded: one\ntwo"
    assert text_beside((), "alone") == "alone"
    assert Block("", "user", "", "conversation", 2, pieces=pieces).whole == "one\ntwo"
