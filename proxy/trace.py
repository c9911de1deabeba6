"""How long each stage of a request took, and which one is under way."""

from __future__ import annotations

from time import perf_counter
from types import TracebackType


class Trace:
    """A stopwatch for the stages of one request."""

    __slots__ = ("late", "milliseconds", "stage")

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}
        self.stage = ""
        self.late = 0  # segments that had to be judged without the vector that they could have

    def timed(self, stage: str) -> Stage:
        """Add the time spent inside to `stage`; after an exception `self.stage` still names it."""
        return Stage(self, stage)


class Stage:
    """One stage, for a `with` statement."""

    __slots__ = ("_name", "_start", "_trace")

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace = trace
        self._name = name

    def __enter__(self) -> None:
        self._trace.stage = self._name
        self._start = perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        spent = self._trace.milliseconds
        spent[self._name] = spent.get(self._name, 0.0) + (perf_counter() - self._start) * 1000
        if error is None:
            self._trace.stage = ""
