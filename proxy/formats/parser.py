"""Parses requests without holding up others: much new text is read in a thread, slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from foveate.proxy.cache import Cache
from foveate.proxy.formats import Format
from foveate.proxy.formats.memo import Known, Memo
from foveate.proxy.formats.parsed import Outline, Parsed
from foveate.proxy.formats.tokens import FALLBACK, TokenCounter, encoding_name
from foveate.proxy.formats.wire.beginnings import Beginnings
from foveate.proxy.worker import LARGE_BODY, LITTLE_NEW, MANY_ITEMS, VERY_MUCH, Worker


class Parser:
    """Returns requests as segments, of every format and vocabulary; what was parsed once is remembered
    in `cache`.
    """

    def __init__(self, worker: Worker, cache: Cache, split_over: int) -> None:
        self._worker = worker
        self._cache = cache
        self._split_over = split_over
        # By format and vocabulary, of those that are loaded
        self._memos: dict[tuple[str, str], Memo] = {}

    def start(self) -> None:
        """Read the commonest vocabulary ahead of the first request, in the thread."""
        self._worker.submit(lambda: TokenCounter(FALLBACK))

    async def read(self, wire: Format, body: bytes, tenant: str = "") -> Outline:
        """Return a request of one tenant with its items told apart; FormatError where it is none of the
        format's.
        """
        earlier = Beginnings(self._cache.space("beginning", wire.name), tenant)
        return await self._worker.run(len(body) > LARGE_BODY, wire.read, body, earlier)

    async def parse(self, wire: Format, outline: Outline, tenant: str = "") -> Parsed:
        """Return the request's segments, for one tenant; FormatError where an item is none of the
        format's.
        """
        name = encoding_name(outline.model)
        memo = self._memos.get((wire.name, name))
        if memo is None:
            memo = await self._worker.run(True, self._memo, wire, name)
        found = memo.find(outline, tenant)
        new = [raw for raw, known in zip(outline.items, found, strict=True) if known is None]
        if sum(map(len, new)) > LITTLE_NEW:
            found = await self._learned(partial(memo.learn, tenant=tenant), outline, found, new)
        much = (
            len(outline.items) > MANY_ITEMS
            or sum([len(raw) for _, raw in outline.standing]) > LITTLE_NEW
        )
        return await self._worker.run(much, memo.parse, outline, found, tenant)

    async def _learned(
        self,
        learn: Callable[[list[bytes]], dict[bytes, Known]],
        outline: Outline,
        found: Sequence[Known | None],
        new: Sequence[bytes],
    ) -> list[Known | None]:
        learned: dict[bytes, Known] = {}
        left = sum(map(len, new))
        for some in slices(new, LITTLE_NEW):  # one at a time, so that other requests come between
            if len(some[0]) > VERY_MUCH:
                learned |= await self._worker.run_apart(learn, some)
            else:
                learned |= await self._worker.run_slice(left, learn, some)
            left -= sum(map(len, some))
        return [known or learned.get(raw) for raw, known in zip(outline.items, found, strict=True)]

    def _memo(self, wire: Format, name: str) -> Memo:
        made = Memo(wire, TokenCounter(name), self._cache, self._split_over)
        return self._memos.setdefault((wire.name, name), made)


def slices(items: Sequence[bytes], size: int) -> Iterator[list[bytes]]:
    """Yield runs of items, one at least, of about so many bytes."""
    run: list[bytes] = []
    left = size
    for raw in items:
        if run and len(raw) > left:
            yield run
            run, left = [], size
        run.append(raw)
        left -= len(raw)
    if run:
        yield run
