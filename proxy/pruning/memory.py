"""Remembers what was decided about a conversation, and finds it again by the conversation itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from foveate.proxy.errors import StateStoreError
from foveate.proxy.pruning.record import (
    Conversation,
    Recollection,
    Record,
    moved,
    recollected,
    record_for,
    recorded,
)
from foveate.proxy.pruning.states import StateStore
from foveate.proxy.pruning.states.in_memory import InMemoryStates
from foveate.proxy.pruning.states.patience import Patience

_log = logging.getLogger("foveate.memory")
T = TypeVar("T")
_decoder = msgspec.msgpack.Decoder(Record)
LAGGING = 1.5  # times what was to be waited: this process itself was held up
_encoder = msgspec.msgpack.Encoder()


def lately(recalled: Recollection) -> dict[str, Any]:
    """Return what may change from request to request while the decisions stay the same."""
    names = "at", "rent", "opening", "quoting"
    return {name: getattr(recalled, name) for name in names}


class Memory:
    """Finds and stores decisions; a store that fails or dawdles costs a fresh decision, never a
    request.

    A store that has failed is left alone for `pause` seconds.
    """

    def __init__(self, store: StateStore, pause: float = 1.0) -> None:
        self._store = store
        # A store of somebody's own may keep none: then each process counts for itself
        self._numbers = store if hasattr(store, "add") else InMemoryStates(1, 24)
        self._patience = Patience(pause)
        self._waiting: set[asyncio.Future[Any]] = set()
        self._warned = False
        self.failures = 0

    async def recall(self, conversation: Conversation) -> Recollection | None:
        """Return what holds for the longest known prefix; for the session, where the caller has named
        one.
        """
        found = await self._answer(lambda: self._store.first(conversation.keys()))
        if found is None:
            return None
        position, value = found
        try:
            record = _decoder.decode(value)
        except msgspec.MsgspecError:
            return None
        if conversation.session:
            return moved(record_for(conversation.model, record), conversation.ids())
        known = record.items == len(conversation.links) - position
        return recollected(record_for(conversation.model, record)) if known else None

    async def keep(self, conversation: Conversation, recalled: Recollection) -> None:
        """Store decisions as those of the whole history."""
        key = next(conversation.keys(), None)
        if key is None:
            return
        if recalled.record is not None and not conversation.session:  # nothing to sort again
            size = len(conversation.items)
            record = structs.replace(recalled.record, items=size, **lately(recalled))
        else:
            record = recorded(conversation, recalled)
        value = _encoder.encode(record)
        await self._answer(lambda: self._store.put(key, value))

    async def count(self, key: str, amount: int, seconds: int) -> int | None:
        """Add to a number that all who share the store share, and return the sum; None where it cannot be
        had.

        The number is forgotten `seconds` after its first use.
        """
        return await self._answer(lambda: self._numbers.add(key, amount, seconds))

    @property
    def shared(self) -> bool:
        """Say whether others look into the store, too."""
        return bool(getattr(self._store, "shared", False))

    async def settled(self) -> None:
        """Return once what was kept is where others look; at once where nobody does."""
        if self.shared:
            await self._store.settled()

    async def exchange(self, lessons: Sequence[bytes]) -> Sequence[tuple[float, bytes]]:
        """Tell others what was learned, and return what they have told, with how many seconds ago.

        No request waits for it. What cannot be told is told no more.
        """
        try:
            if lessons:
                await self._store.tell(lessons)
            return await self._store.news()
        except StateStoreError as error:
            _log.debug("lessons cannot be shared: %s", error)
            return ()

    async def aclose(self) -> None:
        """Close the store."""
        for task in self._waiting:
            task.cancel()
        await self._store.aclose()

    async def _answer(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Return the store's answer, None where it fails or a remote one is late."""
        if not self._store.remote:
            return await self._at_once(ask)
        if self._patience.is_over():
            return None
        task = asyncio.ensure_future(ask())
        # What takes longer goes on in the background: a connection that was slow to open serves later
        # requests.
        self._waiting.add(task)
        task.add_done_callback(self._ended)
        wait = self._patience.asked()
        start = time.monotonic()
        await asyncio.wait([task], timeout=wait)
        if not task.done() and time.monotonic() - start > LAGGING * wait:
            # This process was busy, and the answer may lie there
            await asyncio.wait([task], timeout=wait)
        if not task.done():
            self._count_failure("too slow")
            self._patience.late()
            return None
        if task.exception():
            return None
        self._patience.answered(in_time=True)
        return task.result()

    async def _at_once(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Return the answer of a store that has it at hand, None where it fails."""
        try:
            return await ask()
        except StateStoreError as error:
            self._failed(str(error))
            return None

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._waiting.discard(task)
        if task.cancelled():
            return
        if task.exception():
            self._failed(str(task.exception()))
        else:
            self._patience.answered(in_time=False)

    def _failed(self, why: str) -> None:
        self._patience.failed()
        self._count_failure(why)

    def _count_failure(self, why: str) -> None:
        self.failures += 1
        if not self._warned:
            self._warned = True
            _log.warning("the state store does not answer (%s); deciding afresh until it does", why)
