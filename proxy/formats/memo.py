"""Remembers what was parsed: an item under its bytes, and the beginning of a history whatever follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import ClassVar, NamedTuple

import msgspec

from foveate.policies.types import Segment
from foveate.proxy.cache import Cache
from foveate.proxy.formats import Format
from foveate.proxy.formats.desk import Desk
from foveate.proxy.formats.parsed import Item, Outline, Parsed, Place, digest
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.units import Built, Unit, build_unit, group, looks_back
from foveate.proxy.formats.wire.marks import is_billing, unmarked
from foveate.proxy.formats.wire.reading import decoded
from foveate.proxy.formats.wire.writing import json_of

SPLIT_SIZE = 5  # bytes that are taken for each of an item that is read in pieces


class Known:
    """An item that was read, and what was built of its blocks when it was last met: histories grow at
    their end.
    """

    __slots__ = ("built", "item")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.built: list[Built | None] = [None] * len(item.blocks)


class Standing(NamedTuple):
    """A field that is there whatever is dropped."""

    tokens: int
    id: bytes  # a hash of what it says


class Prefix(msgspec.Struct, frozen=True):
    """The beginning of a history."""

    SIZE: ClassVar[int] = 450  # bytes an item, where its segments are nowhere else

    items: list[Item] = []
    links: list[str] = []  # a hash of each prefix of the items, shortest first
    segments: list[Segment] = []
    places: list[Place] = []
    turn: int = 0  # user turns
    tokens: int = 0
    summed_up: int = 0  # items that a later one stands for
    thinks: bool = False  # some of its segments have reasoning

    def extended(self, known: list[Known], units: Iterable[Unit], end: int, split: bool) -> Prefix:
        """Return it with the items up to `end`, whose blocks are grouped into `units`, split into parts
        or not.
        """
        segments, places, turn = self.segments.copy(), self.places.copy(), self.turn
        thinks = self.thinks
        for unit in units:
            item, block = unit[0]
            holder = known[item]
            blocks = tuple([known[i].item.blocks[b] for i, b in unit])
            first = blocks[0]
            if first.role == "user":
                turn += 1
            parts = split and bool(first.pieces) and len(blocks) == 1
            built = holder.built[block]
            if built is None or not built.holds(blocks, unit, turn, parts):
                holder.built[block] = built = build_unit(blocks, unit, turn, parts)
            segments += built.segments
            places += built.places
            thinks = thinks or built.thinks
        new = [each.item for each in known[len(self.items) : end]]
        tokens = self.tokens + sum([item.tokens for item in new])
        summaries = [i for i, item in enumerate(new, len(self.items)) if sums_up(item)]
        summed_up = summaries[-1] if summaries else self.summed_up
        links = linked(self.links, new)
        return Prefix(self.items + new, links, segments, places, turn, tokens, summed_up, thinks)


NOTHING = Prefix()


class Memo:
    """Parses requests of one format with one token counter; each item is worked on once for each
    tenant.

    Nothing is shared between tenants: how long a request takes would tell whether another has sent the
    same.
    """

    def __init__(self, wire: Format, counter: TokenCounter, cache: Cache, split_over: int) -> None:
        self._format = wire
        self._counter = counter
        self._split_over = split_over
        self._desk = Desk(cache, counter)
        self._large = (
            cache.max_bytes // 2 // SPLIT_SIZE
        )  # bytes of an item that may be too many to keep
        self._items = cache.space("item", wire.name, counter.name, split_over)
        self._standing = cache.space("standing", wire.name, counter.name)
        # By the id of the last item
        self._prefixes = cache.space("prefix", wire.name, counter.name, split_over)

    def find(self, outline: Outline, tenant: str = "") -> list[Known | None]:
        """Return each of its items as it was read earlier, None where it was not met lately."""
        return self._items.get_all([(tenant, raw) for raw in outline.items])

    def learn(self, items: Iterable[bytes], tenant: str = "") -> dict[bytes, Known]:
        """Read items ahead of the request that they are part of, but what another has read meanwhile."""
        return {raw: self._items.get((tenant, raw)) or self._learned(raw, tenant) for raw in items}

    def parse(self, outline: Outline, found: Sequence[Known | None], tenant: str = "") -> Parsed:
        """Return the request's segments, given what `find` has found."""
        known = [
            each or self._learned(raw, tenant) for each, raw in zip(found, outline.items, strict=True)
        ]
        items = [each.item for each in known]
        latest = _latest_turn(items)
        prefix = self._longest_prefix(items, latest, tenant)
        if prefix.items and looks_back(items, len(prefix.items)):
            prefix = NOTHING
        units = group(items, len(prefix.items))
        earlier = [unit for unit in units if unit[0][0] < latest]
        if earlier:
            prefix = prefix.extended(known, earlier, latest, split=True)
            if all(unit[-1][0] < latest for unit in earlier):
                self._prefixes.put(
                    (tenant, items[latest - 1].id), prefix, size=self._taken(outline.items[:latest])
                )
        whole = prefix.extended(known, units[len(earlier) :], len(known), split=False)
        standing = [self._stood(name, raw, tenant) for name, raw in outline.standing]
        fixed = self._format.priming + sum([field.tokens for field in standing])
        segments, places = tuple(whole.segments), tuple(whole.places)
        tokens = fixed + whole.tokens
        return Parsed(
            outline,
            whole.items,
            whole.links,
            segments,
            places,
            fixed,
            tokens,
            self._counter,
            self._desk,
            whole.summed_up,
            whole.thinks,
            opening=digest([field.id for field in standing]),
        )

    def _longest_prefix(self, items: list[Item], latest: int, tenant: str) -> Prefix:
        """Return what is known of the items ahead of the latest user turn since an earlier request."""
        for i in range(latest - 1, -1, -1):
            prefix: Prefix | None = self._prefixes.get((tenant, items[i].id))
            if prefix and prefix.items == items[: i + 1]:
                if i < latest - 1:
                    self._prefixes.drop((tenant, items[i].id))  # one a conversation: it moves along
                return prefix
        return NOTHING

    def _learned(self, raw: bytes, tenant: str) -> Known:
        item = self._format.parse(raw, self._counter, self._split_over)
        known = Known(item)
        split = any(block.pieces for block in item.blocks)
        self._items.put((tenant, raw), known, size=1500 + (SPLIT_SIZE if split else 3) * len(raw))
        return known

    def _taken(self, items: Sequence[bytes]) -> int:
        """Return the bytes that a prefix of those items takes: an item too large to be kept by itself lives
        in it alone.
        """
        alone = sum([len(raw) for raw in items if len(raw) > self._large])
        return Prefix.SIZE * len(items) + SPLIT_SIZE * alone

    def _stood(self, name: str, raw: bytes, tenant: str) -> Standing:
        key = tenant, name, raw
        found: Standing | None = self._standing.get(key)
        if found is None:
            said = digest([name.encode(), steady(raw)]).encode()
            found = Standing(self._format.standing(name, raw, self._counter), said)
            self._standing.put(key, found, size=400 + len(raw))
        return found


def steady(raw: bytes) -> bytes:
    """Return what of a field is steady: its JSON less cache marks and notes on billing, which change from
    request to request.
    """
    said = unmarked(decoded(raw))
    return json_of([part for part in said if not is_billing(part)] if isinstance(said, list) else said)


def sums_up(item: Item) -> bool:
    """Say whether an item stands for all before it."""
    return any(block.sums_up for block in item.blocks)


def _latest_turn(items: Sequence[Item]) -> int:
    """Return the position of the latest user's item; beyond the end where no user has spoken."""
    for i in range(len(items) - 1, -1, -1):
        if any(block.role == "user" for block in items[i].blocks):
            return i
    return len(items)


def linked(before: list[str], items: Iterable[Item]) -> list[str]:
    """Return the hash chain `before` with a link for each further item."""
    links = before.copy()
    last = links[-1] if links else ""
    for item in items:
        last = blake2b(f"{last}{item.id}".encode(), digest_size=16, person=b"foveate-chain").hexdigest()
        links.append(last)
    return links
