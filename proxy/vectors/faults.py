"""What is late or broken is done without: futures waited for in time, faults counted and told once."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import Any, Literal

Part = Literal["embedder", "index", "writing"]
_log = logging.getLogger("foveate.vectors")
# What each part's fault means for whoever runs the proxy.
MEANING: dict[Part, str] = {
    "embedder": "the embedder fails, so histories are pruned by their words: %s",
    "index": "the index cannot be read, so vectors are made anew: %s",
    "writing": "vectors cannot be stored: %s; they live until a restart only",
}


class Faults:
    """Counts faults by part; each kind is an error in the log once, then a line for debugging."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = dict.fromkeys(MEANING, 0)
        self._told: set[tuple[str, type[BaseException]]] = set()

    def watch(self, part: Part, work: asyncio.Future[Any]) -> None:
        """Note it where `work` fails, now or later."""
        work.add_done_callback(partial(self._note, part))

    def _note(self, part: Part, work: asyncio.Future[Any]) -> None:
        error = None if work.cancelled() else work.exception()
        if error is None:
            return
        kind = part, type(error)
        self.counts[part] += 1
        _log.log(logging.DEBUG if kind in self._told else logging.ERROR, MEANING[part], error)
        self._told.add(kind)


def has_result(work: asyncio.Future[Any]) -> bool:
    """Say whether a future has a result: it is done, and has neither failed nor been cancelled."""
    return work.done() and not work.cancelled() and work.exception() is None


async def in_time(work: asyncio.Future[Any], end: float) -> bool:
    """Say whether a future has a result by `end` on the monotonic clock; if not, it goes on."""
    if not work.done():
        await asyncio.wait([work], timeout=max(0.0, end - time.monotonic()))
    return has_result(work)
