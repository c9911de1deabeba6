"""The order of what is left: who may come first, and where the provider allows a system message.

Anthropic, "Mid-conversation system messages": after a user's message, and ahead of an assistant's or at
the end.
"""

from __future__ import annotations

from collections.abc import Sequence

from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.formats.wire.text import ANSWER_LEFT_OUT, BEGINNING_LEFT_OUT
from foveate.proxy.formats.wire.writing import json_of

USERS = ("user", "tool")  # roles of the blocks that a user's message is made of
# The first message has to be the user's: where theirs was left out, this says so.
OPENING = json_of({"role": "user", "content": BEGINNING_LEFT_OUT})
# Results that the user's next words follow at once are an open loop's, whose reasoning would have to be
# there.
CLOSING = json_of({"role": "assistant", "content": ANSWER_LEFT_OUT})


def fillers(parsed: Parsed, rows: Sequence[Row], order: Sequence[int]) -> dict[int, bytes]:
    """Return the messages that have to stand ahead of some of the rows, by their positions in `order`."""
    found = {}
    first = _role(parsed, rows[order[0]].item) if order and not parsed.outline.ahead else ""
    if first and first not in USERS and _role(parsed, 0) in USERS:
        found[0] = OPENING
    if parsed.outline.insists:
        for n in range(1, len(order)):
            if _reopens(parsed, rows[order[n - 1]], rows[order[n]]):
                found[n] = CLOSING
    return found


def seated(parsed: Parsed, rows: Sequence[Row]) -> list[int]:
    """Return the positions of the rows in the order to send them.

    A system message that has lost its neighbours goes to the next place where it may stand, with the
    later ones that it meets on the way: what they say, and the tools that they change, holds in turn.
    """
    order: list[int] = []
    waiting: list[int] = []
    for n, row in enumerate(rows):
        role = _role(parsed, row.item)
        if role == "system" and (waiting or not _has_its_place(parsed, rows, n)):
            waiting.append(n)
            continue
        if waiting and role == "assistant" and order and _role(parsed, rows[order[-1]].item) in USERS:
            order += waiting
            waiting = []
        order.append(n)
    return order + waiting


def _has_its_place(parsed: Parsed, rows: Sequence[Row], n: int) -> bool:
    """Say whether the messages on either side of a row are those that the caller has put there."""
    item = rows[n].item
    before = rows[n - 1].item if n else -1
    after = rows[n + 1].item if n + 1 < len(rows) else len(parsed.items)
    return before == item - 1 and after == item + 1


def _reopens(parsed: Parsed, before: Row, after: Row) -> bool:
    """Say whether a user's words have come to stand right behind results of an earlier turn."""
    if after.item == before.item + 1:
        return False
    return "tool" in _roles(parsed, before) and set(_roles(parsed, after)) == {"user"}


def _roles(parsed: Parsed, row: Row) -> list[str]:
    """Return the roles of a row's blocks that are left."""
    blocks = parsed.items[row.item].blocks
    return (
        [block.role for block in blocks] if row.left is None else [blocks[b].role for b, _ in row.left]
    )


def _role(parsed: Parsed, item: int) -> str:
    return parsed.items[item].blocks[0].role
