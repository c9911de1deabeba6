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
    end: int  # where the last of them ends

    def within(self, body: bytes) -> Beginning:
        """Return it as far as a body begins so."""
        if not body.startswith(self.head):
            return self._replace(items=[])
        return self._replace(items=[], end=len(self.head)).followed(body, self.items)

    def followed(self, body: bytes, items: list[bytes]) -> Beginning:
        """Return it with those of the items that come next in a body, up to the first that is no object or
        comes otherwise.
        """
        end, gap = self.end, self.gap if self.items else b""
        count = 0
        for item in items:
            start = end + len(gap)
            there = body.startswith(gap, end) and body.startswith(item, start)
            if not there or not item.startswith(b"{"):
                break
            end, gap = start + len(item), self.gap
            count += 1
        return self._replace(items=self.items + items[:count], end=end)


class Shortened(NamedTuple):
    """A body with STAND_IN in place of the items that it begins with."""

    body: bytes
    known: Beginning  # up to where both are the same
    earlier: Beginning  # of which that is some or all


class Earlier(Protocol):
    """What is known of earlier bodies."""

    def shortened(self, body: bytes) -> Shortened | None:
        """Return a body less the items that an earlier one had, None where none is known.

        What it says is read of it as of the whole, where its first item turns out to be STAND_IN: up to there
        both are the same, and an array goes on behind any of its items alike.
        """

    def keep(self, body: bytes, begun: Beginning, earlier: Beginning | None = None) -> None:
        """Remember how a body begins, in place of an `earlier` one that it goes on from."""


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
            known = begun.within(body)
            if 2 * len(known.items) > len(begun.items):
                return Shortened(begun.head + STAND_IN + body[known.end :], known, begun)
        return None

    def keep(self, body: bytes, begun: Beginning, earlier: Beginning | None = None) -> None:
        """Remember how a body begins."""
        others = [each for each in self._near(body) if each is not earlier]
        kept = (begun, *others[: MOST - 1])
        size = sum([each.end for each in kept])
        self._space.put((self._tenant, body[:HEAD]), kept, size=size)

    def _near(self, body: bytes) -> tuple[Beginning, ...]:
        found: tuple[Beginning, ...] | None = self._space.get((self._tenant, body[:HEAD]))
        return found or ()


class Afresh:
    """Nothing is known, and nothing kept."""

    def shortened(self, body: bytes) -> Shortened | None:
        """Return None."""
        return None

    def keep(self, body: bytes, begun: Beginning, earlier: Beginning | None = None) -> None:
        """Forget it."""


AFRESH = Afresh()


def beginning(body: bytes, items: list[bytes]) -> Beginning:
    """Return how a body seems to begin, by its items; it does so where they are read in place of STAND_IN."""
    start = body.find(items[0]) if items else 0
    behind = start + len(items[0]) if items else 0
    gap = body[behind : max(behind, body.find(b"{", behind))]
    return Beginning(body[:start], gap, [], start).followed(body, items)
