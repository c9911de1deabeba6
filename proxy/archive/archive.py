"""Finds conversations again, and what their clients no longer send, without holding up the loop."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from foveate.policies.types import Segment
from foveate.proxy.archive import ArchiveBounds, Passage, Spoken, Talk, Trail
from foveate.proxy.archive.cipher import check_secret
from foveate.proxy.archive.shelf import Shelf
from foveate.proxy.config.schema import MemorySettings
from foveate.proxy.errors import ArchiveError, ConfigError

_log = logging.getLogger("foveate.archive")
T = TypeVar("T")
MIB = 1024 * 1024
MOST = 1500  # segments of a conversation that are looked through
TAIL = 4  # items by which a conversation is known whose beginning is no longer sent
ALL = "all"  # what a trail begins with that is of a whole request
LOOK = 64  # ends of an earlier request that are tried, from the latest on
REACH = 2  # segments before and after what a search has found
TRIM_AFTER = 500  # requests that were kept
NOTHING: Mapping[str, int] = {"segments": 0, "bytes": 0, "conversations": 0}


class Archive:
    """What fails or dawdles is done without: counted, and told once."""

    def __init__(self, shelf: Shelf, patience: float = 0.3, shared: bool = False) -> None:
        self._shelf = shelf
        self._shared = shared  # with other processes
        self._patience = patience  # seconds that a request waits
        self._thread = ThreadPoolExecutor(1, "archive")
        self._kept = 0
        self._warned = False
        self._keeping: set[asyncio.Task[None]] = set()
        self.failures = 0
        self.quoted = 0  # segments, since the start
        self._counted_at = (0, 0)  # the file's version
        self.counts = NOTHING  # when it was last counted

    def open(self) -> None:
        """Open the file; ConfigError where that cannot work."""
        try:
            self._shelf.open()
            self._shelf.trim()
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"the file of memory cannot be opened ({error}); take it away, or switch memory.enabled off"
            ) from None

    async def aclose(self) -> None:
        """Finish what is being written, and close the file."""
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await self._attempt(self._shelf.close, None, endless=True)
        self._thread.shutdown()

    async def find(self, tenant: str, trail: Trail, items: Collection[str]) -> Passage | None:
        """Return the conversation that a request goes on with, and what was quoted at those items; None
        where that cannot be told.
        """
        return await self._attempt(lambda: self._find(tenant, trail, items), None)

    async def forgotten(
        self, tenant: str, conversation: str, present: Collection[str]
    ) -> list[Segment]:
        """Return what was said in a conversation and is not `present`, oldest first."""
        return await self._attempt(lambda: self._forgotten(tenant, conversation, present), [])

    async def around(self, tenant: str, ids: Collection[str]) -> list[Spoken]:
        """Return what is kept under those ids in any conversation of a tenant, with its surroundings."""
        return await self._attempt(lambda: self._shelf.around(tenant, ids, REACH), [])

    def keep(self, tenant: str, conversation: str, segments: Sequence[Segment], trail: Trail) -> None:
        """Keep what a request has sent, in the background."""
        work = self._attempt(
            lambda: self._keep(tenant, conversation, segments, trail), None, endless=True
        )
        task = asyncio.create_task(work)
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def settled(self) -> None:
        """Return once all that is to be kept is where other processes look, or nobody should wait longer."""
        if self._shared and self._keeping:
            await asyncio.wait(list(self._keeping), timeout=self._patience)

    async def quote(
        self, tenant: str, conversation: str, item: str, segments: Sequence[Segment]
    ) -> bool:
        """Keep what was quoted at a user's item; say whether that could be done."""
        ids = [s.id for s in segments]
        self.quoted += len(ids)

        def kept() -> bool:
            self._shelf.quote(tenant, conversation, item, ids)
            return True

        return await self._attempt(kept, False)

    async def talks(self, tenant: str, conversation: str) -> list[Talk]:
        """Return what is kept, conversation by conversation."""
        return await self._asked(lambda: self._shelf.talks(tenant, conversation))

    async def said(self, tenant: str, conversation: str) -> list[Spoken]:
        """Return what is kept."""
        return await self._asked(lambda: list(self._shelf.said(tenant, conversation)))

    async def forget(self, tenant: str, conversation: str) -> dict[str, set[str]]:
        """Delete what is kept; return the ids that are kept nowhere else, by tenant."""
        return await self._asked(lambda: self._shelf.forget(tenant, conversation))

    async def count(self) -> Mapping[str, int]:
        """Return how much is kept."""
        await self._attempt(self._count, None, endless=True)
        return self.counts

    def _count(self) -> None:
        version = self._shelf.version()
        if version == self._counted_at:
            return
        talks = self._shelf.talks()
        self._counted_at = version
        self.counts = {
            "segments": sum([talk.segments for talk in talks]),
            "bytes": sum([talk.bytes for talk in talks]),
            "conversations": len(talks),
        }

    def _find(self, tenant: str, trail: Trail, items: Collection[str]) -> Passage:
        _, known = self._shelf.follow(tenant, trail_keys(trail))
        named = session_id(tenant, trail.name) if trail.name else ""
        conversation = named or known or secrets.token_hex(8)
        quoted = self._shelf.quotes(tenant, conversation, items)
        quotes = {item: self._read(tenant, ids) for item, ids in quoted.items()}
        return Passage(conversation, quotes)

    def _read(self, tenant: str, ids: Sequence[str]) -> tuple[Segment, ...]:
        found = {said.segment.id: said.segment for said in self._shelf.around(tenant, ids, 0)}
        return tuple([found[i] for i in ids if i in found])

    def _forgotten(self, tenant: str, conversation: str, present: Collection[str]) -> list[Segment]:
        ids = self._shelf.ids(tenant, conversation, MOST)
        return self._shelf.read(tenant, conversation, [i for i in ids if i not in present])

    def _keep(self, tenant: str, conversation: str, segments: Sequence[Segment], trail: Trail) -> None:
        self._shelf.keep(tenant, conversation, segments, end_keys(trail))
        self._kept += 1
        if self._kept % TRIM_AFTER == 0:
            self._shelf.trim()

    async def _asked(self, ask: Callable[[], T]) -> T:
        """Return what the file says; ArchiveError where it cannot."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, ask)
        except (sqlite3.Error, OSError) as error:
            raise ArchiveError(str(error)) from None

    async def _attempt(self, ask: Callable[[], T], otherwise: T, endless: bool = False) -> T:
        """Return what the file says, `otherwise` where it cannot or a request would wait too long."""
        work = asyncio.ensure_future(self._asked(ask))
        done, _ = await asyncio.wait([work], timeout=None if endless else self._patience)
        work.add_done_callback(self._note)
        if not done or work.cancelled() or work.exception() is not None:
            return otherwise
        return work.result()

    def _note(self, work: asyncio.Future[T]) -> None:
        error = None if work.cancelled() else work.exception()
        if error is None:
            return
        self.failures += 1
        _log.log(
            logging.DEBUG if self._warned else logging.ERROR,
            "memory is done without: %s",
            error,
        )
        self._warned = True


def build_archive(settings: MemorySettings, folder: Path, shared: bool = False) -> Archive | None:
    """Return what keeps texts, open, None where memory is off; ConfigError where it cannot work."""
    if not settings.enabled:
        return None
    secret = settings.key.get_secret_value()
    check_secret(secret)
    bounds = ArchiveBounds(settings.days, int(settings.max_mib * MIB))
    made = Archive(Shelf(folder, secret, bounds), shared=shared)
    made.open()
    return made


def gauges_of(archive: Archive | None) -> dict[str, tuple[str, float]]:
    """Return what is kept, for the metrics."""
    counts = archive.counts if archive else NOTHING
    return {
        "memory_segments": ("Segments whose text is kept.", counts["segments"]),
        "memory_bytes": ("Bytes that they take, encrypted.", counts["bytes"]),
        "memory_conversations": ("Conversations that they are of.", counts["conversations"]),
    }


def counters_of(archive: Archive | None) -> dict[str, tuple[str, float]]:
    """Return what was done since the start, for the metrics."""
    failures, quoted = (archive.failures, archive.quoted) if archive else (0, 0)
    return {
        "memory_failures": ("Times that memory could not be read or kept.", failures),
        "memory_quoted": ("Segments that were quoted since clients no longer send them.", quoted),
    }


def session_id(tenant: str, name: str) -> str:
    """Return the id of a conversation that its caller has named."""
    return blake2b(f"{tenant}:{name}".encode(), digest_size=8, person=b"foveate-session").hexdigest()


def trail_keys(trail: Trail) -> list[str]:
    """Return the trails that may lead from an earlier request to this one, the latest first: one that
    ended where this one still agrees with it.
    """
    ends = range(min(LOOK, len(trail.links)))
    return [key for back in ends for key in end_keys(trail, back)]


def end_keys(trail: Trail, back: int = 0) -> list[str]:
    """Return the trails of a request less its last items: all of it, and its end, which outlasts a
    beginning that is no longer sent.
    """
    keys = [f"{ALL} {trail.links[-1 - back]}"] if back < len(trail.links) else []
    end = len(trail.ids) - back
    if end >= TAIL:
        said = " ".join(trail.ids[end - TAIL : end])
        keys.append(f"end {blake2b(said.encode(), digest_size=12).hexdigest()}")
    return keys
