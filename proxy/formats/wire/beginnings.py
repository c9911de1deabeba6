"""What bodies begin with: the items that an earlier one had are not told apart again."""

from __future__ import annotations

import secrets
from typing import NamedTuple, Protocol

from foveate.proxy.cache import Space

LONG = 32 * 1024  # bytes, from where on a body is worth a look
HEAD = 512  # bytes by which those of a conversation are found
MOST = 8  # conversations that begin with the same bytes, as those of one agent do
# What stands in place of the known items while the rest is read; no caller can know it
STAND_IN = b'"%s"' % secrets.token_hex(16).encode()


class Beginning(NamedTuple):
    """A body up to the last of its items."""

    head: bytes  # all ahead of the first item
    gap: bytes  # what stands between two items
    items: list[bytes]  # objects, which tell themselves where they end


class Shortened(NamedTuple):
    """A body with STAND_IN in place of the items that it begins with."""

    body: bytes
    known: list[bytes]
    beginning: Beginning


class Earlier(Protocol):
    """What is known of earlier bodies."""

    def shortened(self, body: bytes) -> Shortened | None:
        """Return a body less the items that an earlier one had, None where none is known.

        What it says is read of it as of the whole, where its first item turns out to be STAND_IN: up to there
        both are the same, and an array goes on behind any of its items alike.
        """

    def keep(self, body: bytes, items: list[bytes], begun: Beginning) -> None:
        """Remember a body by its items; `begun` is what is known of them."""


class Beginnings:
    """Those of one tenant's bodies of one format."""

    def __init__(self, space: Space, tenant: str) -> None:
        self._space = space
        self._tenant = tenant

    def shortened(self, body: bytes) -> Shortened | None:
        """Return a body less the items that an earlier one had."""
        if len(body) < LONG:
            return None
        for begun in self._near(body):
            count, end = matching(begun, body)
            if 2 * count > len(begun.items):
                return Shortened(begun.head + STAND_IN + body[end:], begun.items[:count], begun)
        return None

    def keep(self, body: bytes, items: list[bytes], begun: Beginning) -> None:
        """Remember a body by its items, in place of an earlier one that it goes on from."""
        if len(body) < LONG:
            return
        count, _ = matching(begun._replace(items=items), body)
        if not count:
            return
        others = [each for each in self._near(body) if each is not begun]
        kept = (begun._replace(items=items[:count]), *others[: MOST - 1])
        size = sum([len(each.head) + sum(map(len, each.items)) for each in kept])
        self._space.put((self._tenant, body[:HEAD]), kept, size=size)

    def _near(self, body: bytes) -> tuple[Beginning, ...]:
        found: tuple[Beginning, ...] | None = self._space.get((self._tenant, body[:HEAD]))
        return found or ()


class Afresh:
    """Nothing is known, and nothing kept."""

    def shortened(self, body: bytes) -> Shortened | None:
        """Return None."""
        return None

    def keep(self, body: bytes, items: list[bytes], begun: Beginning) -> None:
        """Forget it."""


AFRESH = Afresh()


def matching(begun: Beginning, body: bytes) -> tuple[int, int]:
    """Return how many of the items a body begins with, and where the last of them ends there."""
    end = len(begun.head)
    if not body.startswith(begun.head):
        return 0, end
    gap = b""
    for count, item in enumerate(begun.items):
        start = end + len(gap)
        same = body.startswith(gap, end) and body.startswith(item, start)
        if not same or not item.startswith(b"{"):
            return count, end
        end, gap = start + len(item), begun.gap
    return len(begun.items), end


def beginning(body: bytes, items: list[bytes]) -> Beginning:
    """Return where the items of a body seem to begin, and what seems to stand between two; where they
    do is seen once they are read in place of STAND_IN.
    """
    start = body.find(items[0]) if items else -1
    if start < 0:
        return Beginning(b"", b"", [])
    behind = start + len(items[0])
    second = body.find(b"{", behind)
    return Beginning(body[:start], body[behind : max(behind, second)] if len(items) > 1 else b"", items)
