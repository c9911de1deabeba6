"""How long each stage of a request took, and which one is under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Trace:
    """A stopwatch for the stages of one request."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}
        self.stage = ""

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time spent inside to `stage`; after an exception `self.stage` still names it."""
        self.stage = stage
        start = perf_counter()
        try:
            yield
        finally:
            self.milliseconds[stage] = self.milliseconds.get(stage, 0.0) + (perf_counter() - start) * 1000
        self.stage = ""
