"""The one thread that computes beside the event loop, and from where on work is too much to be done in
the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
# What takes more than a few milliseconds is done in the thread.
LITTLE_NEW = 16 * 1024  # characters or bytes of new text to read
VERY_MUCH = 256 * 1024  # bytes of one item, which take a tenth of a second to read
LARGE_BODY = 1024 * 1024  # bytes, to tell apart and to write
MANY_ITEMS = 500  # to tell apart and to write
FEW_SEGMENTS = 100  # to score


class Worker:
    """Computes in a single thread: where several compute, each waits for Python's lock, and so does the
    loop.

    What takes seconds has a thread of its own, so that nobody waits behind it.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "prune")
        self._slow = ThreadPoolExecutor(1, "prune-slow")
        self._numbers = count()
        # Who waits for the turn: how much is left to do, and a number of its own
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._taken = False

    async def run(self, much: bool, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `function` returns: called here, or in the thread where it has much to do."""
        if not much:
            return function(*args, **kwargs)
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def run_slice(
        self, left: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what `function` returns, called in the thread for one that has so much `left` to do.

        Who has the least left goes first: of many that come at once each is done sooner than if all took
        turns, and what is little waits for one slice of what is much.
        """
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        heappush(self._waiting, (left, next(self._numbers), turn))
        if not self._taken:
            self._next()
        try:
            await turn
            return await self.run(True, function, *args, **kwargs)
        finally:
            if not turn.cancelled():
                loop.call_soon(self._next)  # by then, whoever had this turn waits for its next

    def _next(self) -> None:
        """Give the turn to whoever has the least left."""
        self._taken = False
        while self._waiting and not self._taken:
            turn = heappop(self._waiting)[2]
            if not turn.done():  # else it has been given up
                turn.set_result(None)
                self._taken = True

    async def run_apart(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `function`, which takes long, returns; others are computed meanwhile."""
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._slow, call)

    def submit(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have `function` called in the thread; nobody waits for it."""
        self._thread.submit(function, *args, **kwargs)

    def close(self) -> None:
        """Finish what has been handed in, then end the thread."""
        self._thread.shutdown()
        self._slow.shutdown()
