"""The order of what is left: who may come first, and where the provider allows a system message.

Anthropic, "Mid-conversation system messages": after a user's message, and ahead of an assistant's or at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from foveate.proxy.formats.layout import Row
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.formats.text import BEGINNING_LEFT_OUT

USERS = ("user", "tool")  # roles of the blocks that a user's message is made of
# The first message has to be the user's; where theirs was left out, this says so.
OPENING = orjson.dumps({"role": "user", "content": BEGINNING_LEFT_OUT})


def needs_opening(parsed: Parsed, rows: Sequence[Row]) -> bool:
    """Say whether the first message left is no user's, though the request's own was."""
    order = seated(parsed, rows)
    if not order or parsed.outline.ahead or not parsed.items[0].blocks:
        return False
    return _role(parsed, rows[order[0]].item) not in USERS and _role(parsed, 0) in USERS


def seated(parsed: Parsed, rows: Sequence[Row]) -> list[int]:
    """Return the positions of the rows in the order to send them.

    A system message that has lost its neighbours goes to the next place where it may stand.
    """
    order: list[int] = []
    waiting: list[int] = []
    for n, row in enumerate(rows):
        role = _role(parsed, row.item)
        if role == "system" and not _has_its_place(parsed, rows, n):
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


def _role(parsed: Parsed, item: int) -> str:
    return parsed.items[item].blocks[0].role
