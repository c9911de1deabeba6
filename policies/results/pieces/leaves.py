"""JSON as pieces: its values, and the objects and arrays that lead to them."""

from __future__ import annotations

import json
import re

from foveate.policies.results.pieces.piece import MANY, Form, ResultPiece, division, gathered

DEEPEST = 64  # levels: what is nested deeper is read as text
_BLANK = r"[ \t\n\r]*+"
_NUMBER = r"-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][+-]?\d++)?"
_SCALAR = re.compile(rf"true|false|null|{_NUMBER}")
_SHORT = rf'(?:true|false|null|{_NUMBER}|"[^"\\,\x00-\x1f]{{0,24}}+")'
_STRING = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"')
_SKIP = re.compile(_BLANK)
_ESCAPE = re.compile(r"\\.")
# Up to eight short values of an array, with what parts them; a comma or the end must follow.
_RUN = re.compile(rf"((?:{_SHORT}{_BLANK},{_BLANK}){{1,7}}{_SHORT})(?={_BLANK}[,\]])")
_DECODER = json.JSONDecoder()
_LINES = 3  # escaped line ends from which a string is read by lines


class NotJson(ValueError):
    """The text is something else, or nested too deep."""


def leaves(text: str, grain: int) -> list[ResultPiece]:
    """Return the pieces of a JSON array or object; what is at most `grain` characters long stays whole.

    Raises NotJson for any other text.
    """
    reader = _Reader(text, grain)
    start = reader.skip(0)
    if text[start : start + 1] not in ("{", "["):
        raise NotJson
    end = reader.value(0, start, start, -1, 1)
    if reader.skip(end) != len(text):
        raise NotJson
    return reader.pieces


class _Reader:
    """Descends into a text; each method takes the place where something begins and returns where it
    ends.
    """

    def __init__(self, text: str, grain: int) -> None:
        self.text = text
        self.grain = grain
        self.pieces: list[ResultPiece] = []
        self.depth = 0  # of the containers that the place at hand is in

    def skip(self, at: int) -> int:
        found = _SKIP.match(self.text, at)
        return found.end() if found else at

    def value(self, lead: int, start: int, at: int, parent: int, number: int) -> int:
        """Read the value at `at`, whose key begins at `start` and whose blanks at `lead`."""
        opening = self.text[at : at + 1]
        if self.depth > DEEPEST:
            raise NotJson
        if opening in ("{", "["):
            return self._container(lead, start, at, parent, number)
        pattern = _STRING if opening == '"' else _SCALAR
        found = pattern.match(self.text, at)
        if not found:
            raise NotJson
        end = found.end()
        long = end - start > self.grain and opening == '"'
        form: Form = "string" if long else "leaf"
        self.pieces.append(ResultPiece(form, start, end, parent, number, 1, lead))
        if long:
            self._divide(at + 1, end - 1)
        return end

    def _container(self, lead: int, start: int, at: int, parent: int, number: int) -> int:
        short = self._short(at, start + self.grain)
        if short:
            self.pieces.append(ResultPiece("leaf", start, short, parent, number, 1, lead))
            return short
        mine = len(self.pieces)
        form = self.text[at]
        self.pieces.append(ResultPiece("leaf", start, at, parent, number, 1, lead))
        self.depth += 1
        end = self._object(at, mine) if form == "{" else self._array(at, mine)
        self.depth -= 1
        if len(self.pieces) > mine + 1:
            self.pieces[mine] = ResultPiece(
                "object" if form == "{" else "array", start, end, parent, number, 1, lead
            )
        else:
            self.pieces[mine] = ResultPiece("leaf", start, end, parent, number, 1, lead)
        return end

    def _short(self, at: int, limit: int) -> int:
        """Return where an object or array ends that is done before `limit`, 0 for a longer one."""
        window = self.text[at:limit]
        try:
            _, length = _DECODER.raw_decode(window)
        except (ValueError, RecursionError):
            return 0
        strict = "NaN" not in window and "Infinity" not in window  # which Python reads and JSON has not
        return at + int(length) if strict else 0

    def _object(self, at: int, mine: int) -> int:
        lead, number = at + 1, 1
        at = self.skip(lead)
        if self.text[at : at + 1] == "}":
            return at + 1
        while True:
            key = _STRING.match(self.text, at)
            colon = self.skip(key.end()) if key else len(self.text)
            if self.text[colon : colon + 1] != ":":
                raise NotJson
            end = self.skip(self.value(lead, at, self.skip(colon + 1), mine, number))
            if self.text[end : end + 1] == "}":
                return end + 1
            if self.text[end : end + 1] != ",":
                raise NotJson
            lead, number = end + 1, number + 1
            at = self.skip(lead)

    def _array(self, at: int, mine: int) -> int:
        lead, number = at + 1, 1
        at = self.skip(lead)
        if self.text[at : at + 1] == "]":
            return at + 1
        while True:
            run = _RUN.match(self.text, at)
            count = run[1].count(",") + 1 if run else 1
            if run:
                self.pieces.append(ResultPiece("leaf", at, run.end(), mine, number, count, lead))
                end = self.skip(run.end())
            else:
                end = self.skip(self.value(lead, at, at, mine, number))
            if len(self.text) > MANY:
                self._join(mine)
            if self.text[end : end + 1] == "]":
                return end + 1
            if self.text[end : end + 1] != ",":
                raise NotJson
            lead, number = end + 1, number + count
            at = self.skip(lead)

    def _join(self, mine: int) -> None:
        """Make one piece of the last two items of an array where both are short: a text this long has
        many.
        """
        before, last = self.pieces[-2], self.pieces[-1]
        leaves = before.form == last.form == "leaf" and before.parent == last.parent == mine
        if leaves and last.end - before.start <= self.grain:
            count = before.extent + last.extent
            self.pieces[-2:] = [
                ResultPiece("leaf", before.start, last.end, mine, before.number, count, before.lead)
            ]

    def _divide(self, begin: int, end: int) -> None:
        """Divide a long string, the last piece: at its line ends if it has some, and long lines into
        parts.
        """
        mine = len(self.pieces) - 1
        breaks = [m.end() for m in _ESCAPE.finditer(self.text, begin, end) if m[0] == "\\n"]
        if len(breaks) < _LINES:
            breaks = []
        line = 1
        for stop, lines in gathered([*breaks, end], begin, self.grain):
            count = lines if breaks else 0
            for cut in division(self.text, begin, stop, self.grain):
                self.pieces.append(ResultPiece("chunk", begin, cut, mine, line, count, begin))
                begin, line, count = cut, line + count, 0
