"""What is remembered of a decision, as it is stored and as it is recalled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from msgspec import structs

from foveate.policies.types import Extract, Key, PruneState, Segment, Shown
from foveate.proxy.formats.parsed import Item
from foveate.proxy.formats.units import WHOLE

# The fields of what stands for a result.
Instead = tuple[tuple[tuple[int, int], ...], int, Key | None, bool]


class Conversation(msgspec.Struct, frozen=True):
    """A history as it is found again: whose it is, and a hash of each of its beginnings."""

    tenant: str
    links: Sequence[str]  # shortest first
    items: Sequence[Item]
    session: str = ""  # its name, where the caller has given one
    model: str = ""  # that is asked now

    def keys(self) -> Iterator[str]:
        """Yield the keys to look it up by, the likeliest first."""
        if self.session:
            named = f"{self.tenant}:{self.session}".encode()
            yield hashlib.blake2b(named, digest_size=16, person=b"foveate-session").hexdigest()
        else:
            yield from (f"{self.tenant}.{link}" for link in reversed(self.links))

    @property
    def name(self) -> str:
        """A name for it, of the session's or of how it began; never of another caller's."""
        return next(self.keys(), "") if self.session else "".join(self.links[1:2] or self.links[:1])

    def ids(self) -> tuple[str, ...]:
        """Return the hash of each item."""
        return tuple([item.id for item in self.items])


class Record(msgspec.Struct, frozen=True, array_like=True):
    """What is stored after a request: a state, who decided it, and for which request."""

    items: int  # how many the request had
    policy: str = ""  # that has cut; empty where nothing is cut
    dropped: tuple[Key, ...] = ()
    recalled: tuple[tuple[int, tuple[Key, ...]], ...] = ()
    ids: tuple[str, ...] = ()  # of its items, where the caller has named a session
    bare: tuple[Key, ...] = ()
    model: str = ""  # whose cache has that prompt
    origins: tuple[tuple[Key, bytes], ...] = ()  # of its bound reasoning
    at: float = 0.0  # seconds since the epoch
    rent: float = 0.0  # fresh tokens paid since the last cut for what could have gone
    beside: Record | None = None  # of the model that was asked before this one
    shown: tuple[tuple[Key, Instead], ...] = ()  # of results that are not whole
    extracts: tuple[tuple[int, tuple[Extract, ...]], ...] = ()  # what of results is quoted, by item
    opening: str = ""  # a hash of what stood ahead of its history
    quoting: tuple[int, ...] = ()  # its items that quote what the client no longer sends

    @property
    def state(self) -> PruneState:
        """The decisions."""
        shown = {key: Shown(*instead) for key, instead in self.shown}
        return PruneState(
            frozenset(self.dropped),
            dict(self.recalled),
            frozenset(self.bare),
            shown,
            dict(self.extracts),
        )


@dataclass(frozen=True, slots=True)
class Recollection:
    """The decisions that hold for the beginning of a history."""

    items: int  # how many of the history's items the earlier request had
    state: PruneState
    policy: str = ""  # that has cut; empty where nothing is cut
    model: str = ""  # whose cache has that prompt
    # Of its bound reasoning: a hash of the prompt before it
    origins: Mapping[Key, bytes] = field(default_factory=dict)
    at: float = 0.0  # seconds since the epoch, of the earlier request
    rent: float = 0.0  # fresh tokens paid since the last cut for what could have gone
    # As it is stored; None where it was moved
    record: Record | None = field(default=None, compare=False)
    beside: Record | None = None  # of the model that was asked before this one
    opening: str = ""  # a hash of what stood ahead of its history
    quoting: tuple[int, ...] = ()  # its items that quote what the client no longer sends


NOTHING_YET = Recollection(0, PruneState())


def recorded(conversation: Conversation, recalled: Recollection) -> Record:
    """Return decisions as they are stored."""
    return Record(
        items=len(conversation.items),
        policy=recalled.policy,
        dropped=tuple(sorted(recalled.state.dropped)),
        recalled=tuple(sorted(recalled.state.recalled.items())),
        ids=conversation.ids() if conversation.session else (),
        bare=tuple(sorted(recalled.state.bare)),
        model=recalled.model,
        origins=tuple(sorted(recalled.origins.items())),
        at=recalled.at,
        rent=recalled.rent,
        beside=recalled.beside,
        shown=tuple(
            [
                (key, (s.runs, s.saved, s.same, s.born))
                for key, s in sorted(recalled.state.shown.items())
            ]
        ),
        extracts=tuple(sorted(recalled.state.extracts.items())),
        opening=recalled.opening,
        quoting=recalled.quoting,
    )


def record_for(model: str, record: Record) -> Record:
    """Return the record of `model`, where two are asked in turn; the latest where it was not one of
    them.

    Each has a cache of its own, and with it a cut of its own. Where reasoning comes from is known of
    the latest alone.
    """
    own = record.beside
    if own is None or record.model == model or own.model != model:
        return record
    return structs.replace(own, origins=record.origins, beside=aside(record))


def aside(record: Record | None) -> Record | None:
    """Return a record as it is kept beside that of another model."""
    return record and structs.replace(record, origins=(), beside=None)


def recollected(record: Record) -> Recollection:
    """Return decisions as they were stored."""
    return Recollection(
        items=record.items,
        state=record.state,
        policy=record.policy,
        model=record.model,
        origins=dict(record.origins),
        at=record.at,
        rent=record.rent,
        record=record,
        beside=record.beside,
        opening=record.opening,
        quoting=record.quoting,
    )


def moved(record: Record, ids: Sequence[str]) -> Recollection:
    """Return a session's decisions for a rewritten history: each item is followed to where it stands
    now.
    """
    places: dict[str, list[int]] = {}
    for position in range(len(ids) - 1, -1, -1):
        places.setdefault(ids[position], []).append(position)
    now = {then: places[item].pop() for then, item in enumerate(record.ids) if places.get(item)}
    state = record.state
    follow = {
        key: (now[key[0]], *key[1:])
        for key in state.dropped | state.quoted | state.bare
        if key[0] in now
    }
    dropped = frozenset(follow[key] for key in state.dropped if key in follow)
    bare = frozenset(follow[key] for key in state.bare if key in follow)
    recalled = {
        now[turn]: tuple(follow[key] for key in keys if key in follow)
        for turn, keys in state.recalled.items()
        if turn in now
    }
    shown = {
        (now[key[0]], *key[1:]): moved_result(s, now)
        for key, s in state.shown.items()
        if _stands(key, s, now)
    }
    moved_state = PruneState(dropped, recalled, bare, shown, moved_extracts(state.extracts, now))
    origins = {(now[key[0]], *key[1:]): origin for key, origin in record.origins if key[0] in now}
    return replace(
        recollected(record),
        items=same_beginning(record.ids, ids),
        state=moved_state,
        origins=origins,
        quoting=tuple([now[item] for item in record.quoting if item in now]),
        record=None,
    )


def in_parts(recalled: Recollection, segments: Sequence[Segment]) -> Recollection:
    """Return decisions on whole messages as decisions on their parts, where they have come to be split
    since.

    What stands behind the latest user turn is whole until the user speaks again.
    """
    whole = {key for key in recalled.state.dropped if key[2] == WHOLE}
    gone = whole.difference([s.key for s in segments]) if whole else whole
    parts = [s.key for s in segments if (*s.key[:2], WHOLE) in gone] if gone else []
    if not parts:
        return recalled
    dropped = (recalled.state.dropped - gone).union(parts)
    return replace(recalled, state=replace(recalled.state, dropped=dropped), record=None)


def _stands(key: Key, shown: Shown, now: Mapping[int, int]) -> bool:
    """Say whether a result, and the one that it points to, have a place in a rewritten history."""
    if key[0] not in now or shown.same is None:
        return key[0] in now
    return shown.same[0] in now and now[shown.same[0]] < now[key[0]]


def moved_result(shown: Shown, now: Mapping[int, int]) -> Shown:
    """Return what stands for a result, pointing to where the other one stands now."""
    return replace(shown, same=(now[shown.same[0]], *shown.same[1:])) if shown.same else shown


def moved_extracts(
    extracts: Mapping[int, tuple[Extract, ...]], now: Mapping[int, int]
) -> dict[int, tuple[Extract, ...]]:
    """Return what is quoted of results, each where it stands now."""
    return {
        now[item]: tuple(
            [e._replace(result=(now[e.result[0]], *e.result[1:])) for e in found if e.result[0] in now]
        )
        for item, found in extracts.items()
        if item in now
    }


def same_beginning(before: Sequence[str], after: Sequence[str]) -> int:
    """Return how many items two histories begin with alike."""
    shorter = min(len(before), len(after))
    return next((i for i in range(shorter) if before[i] != after[i]), shorter)
