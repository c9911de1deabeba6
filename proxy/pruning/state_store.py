"""Remembers what was decided about a conversation, and finds it again by the conversation itself."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec

from foveate.policies.types import Key, PruneState
from foveate.proxy.errors import FoveateError

_log = logging.getLogger("foveate.state")


T = TypeVar("T")


class StateStoreError(FoveateError):
    """The store cannot be asked."""


class Record(msgspec.Struct, frozen=True, array_like=True):
    """What is stored after a request: a state, and the request that it was decided for."""

    messages: int  # how many the request had
    dropped: tuple[Key, ...] = ()
    recalled: tuple[tuple[int, tuple[Key, ...]], ...] = ()
    ids: tuple[str, ...] = ()  # of its messages, where the caller has named a session

    @property
    def state(self) -> PruneState:
        """The decisions."""
        return PruneState(frozenset(self.dropped), dict(self.recalled))


_decoder = msgspec.msgpack.Decoder(Record)
_encoder = msgspec.msgpack.Encoder()


class StateStore(Protocol):
    """Keeps bytes by key for a while; StateStoreError where it cannot."""

    remote: bool  # an answer may be long in coming

    async def first(self, keys: Sequence[str]) -> tuple[int, bytes] | None:
        """Return the position and value of the first of `keys` that is known, None where none is."""

    async def put(self, key: str, value: bytes) -> None:
        """Keep `value`."""

    async def aclose(self) -> None:
        """Close what is open."""


class InMemoryStateStore:
    """Least recently used first out beyond `max_bytes`; nothing lives longer than `ttl` seconds unused."""

    remote = False
    OVERHEAD = 250  # bytes an entry takes beside its value

    def __init__(self, max_bytes: int, ttl: float) -> None:
        self._max_bytes = max_bytes
        self._ttl = ttl
        self.bytes = 0
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    async def first(self, keys: Sequence[str]) -> tuple[int, bytes] | None:
        """Return the position and value of the first known key."""
        now = time.monotonic()
        for i, key in enumerate(keys):
            entry = self._entries.get(key)
            if entry is not None and now - entry[0] <= self._ttl:
                self._entries[key] = (now, entry[1])
                self._entries.move_to_end(key)
                return i, entry[1]
        return None

    async def put(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`."""
        now = time.monotonic()
        if key in self._entries:
            self._forget(key)
        self._entries[key] = (now, value)
        self.bytes += len(value) + self.OVERHEAD
        while self._entries and (
            self.bytes > self._max_bytes or now - next(iter(self._entries.values()))[0] > self._ttl
        ):
            self._forget(next(iter(self._entries)))

    def _forget(self, key: str) -> None:
        _, value = self._entries.pop(key)
        self.bytes -= len(value) + self.OVERHEAD

    async def aclose(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A state that holds for a prefix of a history."""

    messages: int  # how many of the history's messages the earlier request had
    state: PruneState
    record: Record | None = field(default=None, compare=False)  # None where it was followed to other places


class StateKeeper:
    """Finds and stores states; a store that fails or dawdles costs a fresh decision, never a request.

    A store that has failed is left alone for `pause` seconds.
    """

    PATIENCE = 0.025  # seconds that a request waits for an answer; it asks twice

    def __init__(self, store: StateStore, pause: float = 1.0) -> None:
        self._store = store
        self._pause = pause
        self._ask_again_at = -math.inf
        self._asking: set[asyncio.Future[Any]] = set()
        self._warned = False
        self.failures = 0

    async def find(self, chain: Sequence[str], session: str, ids: Sequence[str]) -> Found | None:
        """Return the state of the longest known prefix; that of the session where the caller has named one.

        `chain` holds a key for each prefix, shortest first; `session` a key or nothing; `ids` the messages' hashes.
        """
        keys = [session] if session else list(reversed(chain))
        store = self._store
        found = await (self._patiently(lambda: store.first(keys)) if store.remote else store.first(keys))
        if found is None:
            return None
        position, value = found
        try:
            record = _decoder.decode(value)
        except msgspec.MsgspecError:
            return None
        if session:
            return moved(record, ids)
        known = record.messages == len(chain) - position
        return Found(record.messages, record.state, record) if known else None

    async def keep(
        self, chain: Sequence[str], session: str, ids: Sequence[str], state: PruneState, found: Found | None = None
    ) -> None:
        """Store `state` as that of the whole history; `found` is what it was decided from."""
        if found and found.record and state is found.state:  # nothing to sort again
            record = msgspec.structs.replace(found.record, messages=len(chain))
        else:
            record = Record(
                messages=len(chain),
                dropped=tuple(sorted(state.dropped)),
                recalled=tuple(sorted(state.recalled.items())),
                ids=tuple(ids) if session else (),
            )
        store, key, value = self._store, session or chain[-1], _encoder.encode(record)
        await (self._patiently(lambda: store.put(key, value)) if store.remote else store.put(key, value))

    async def aclose(self) -> None:
        """Close the store."""
        for task in self._asking:
            task.cancel()
        await self._store.aclose()

    async def _patiently(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        if time.monotonic() < self._ask_again_at:
            return None
        task = asyncio.ensure_future(ask())
        # What takes longer goes on in the background: a connection that was slow to open serves later requests.
        self._asking.add(task)
        task.add_done_callback(self._asked)
        await asyncio.wait([task], timeout=self.PATIENCE)
        if not task.done():
            self._failed("too slow")
            return None
        return None if isinstance(task.exception(), StateStoreError) else task.result()

    def _asked(self, task: asyncio.Future[Any]) -> None:
        self._asking.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), StateStoreError):
            self._failed(str(error))

    def _failed(self, why: str) -> None:
        self.failures += 1
        self._ask_again_at = time.monotonic() + self._pause
        if not self._warned:
            self._warned = True
            _log.warning("the state store does not answer (%s); deciding afresh until it does", why)


def chain(tenant: str, links: Iterable[str]) -> list[str]:
    """Return a tenant's key for each prefix of a history, given the hashes of the prefixes."""
    return [f"{tenant}.{link}" for link in links]


def session_key(tenant: str, session: str) -> str:
    """Return the key of a session that a caller has named, empty where none is."""
    if not session:
        return ""
    return hashlib.blake2b(f"{tenant}:{session}".encode(), digest_size=16, person=b"foveate-session").hexdigest()


def moved(record: Record, ids: Sequence[str]) -> Found:
    """Return a session's state for a rewritten history: each message is followed to where it stands now."""
    places: dict[str, list[int]] = {}
    for position, message in reversed(list(enumerate(ids))):
        places.setdefault(message, []).append(position)
    now = {then: places[message].pop() for then, message in enumerate(record.ids) if places.get(message)}
    state = record.state
    follow = {key: (now[key[0]], key[1]) for key in state.dropped | state.quoted if key[0] in now}
    recalled = {
        now[turn]: tuple(follow[key] for key in keys if key in follow)
        for turn, keys in state.recalled.items()
        if turn in now
    }
    same = next(
        (i for i, (a, b) in enumerate(zip(record.ids, ids, strict=False)) if a != b), min(len(record.ids), len(ids))
    )
    return Found(same, PruneState(frozenset(follow[key] for key in state.dropped if key in follow), recalled))
