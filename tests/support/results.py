"""Tool results as units of a history, and what reads them."""

from __future__ import annotations

from foveate.policies.results.instead import read_divided, read_whole
from foveate.policies.types import Segment, ToolResult
from support.conversations import segment


class Words:
    """Reads afresh and counts words."""

    divided = staticmethod(read_divided)
    whole = staticmethod(read_whole)

    def count(self, text: str) -> int:
        """The tokens of a text."""
        return len(text.split())


def unit(item: int, text: str, call: str = 'bash {"command": "make"}') -> Segment:
    """Return a call with its result."""
    tokens = len(text.split())
    result = ToolResult((item + 1, 0, 0), text, tokens, call.split()[0], call)
    return segment(
        f"{call}\n{text}", role="assistant", kind="tool", tokens=tokens + 10, key=(item, 0, -1), results=(result,),
        said=call,
    )  # fmt: skip
