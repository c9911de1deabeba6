"""How much a prompt may take: the window, the watermarks, and how the upstream's counts differ from ours."""

from __future__ import annotations

from dataclasses import dataclass

from foveate.policies.types import Budget
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.formats.tokens import is_exact
from foveate.proxy.formats.usage import Usage
from foveate.proxy.http.refusals import TooLong
from foveate.proxy.pruning.calibration import Calibration
from foveate.proxy.pruning.outcome import Outcome
from foveate.proxy.pruning.request import Request, Wanted
from foveate.proxy.pruning.windows import Window, Windows

DEEPER = 0.7  # how deep to cut where an upstream refuses a prompt as too long, at the least


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one request."""

    window: Window
    budget: Budget  # of the whole prompt, as the upstream counts
    ratio: float  # what to multiply our count with
    room: Budget  # for the history, as we count

    def counted(self, tokens: int) -> int:
        """Return our count as the upstream's."""
        return int(tokens * self.ratio)


class Watermarks:
    """Finds the limits of requests, and learns from what upstreams answer."""

    def __init__(self, windows: Windows, calibration: Calibration) -> None:
        self._windows = windows
        self._calibration = calibration

    async def of(self, request: Request, wanted: Wanted, parsed: Parsed) -> Limits:
        """Return the limits of a request."""
        model, most = parsed.outline.model, parsed.outline.max_output
        window = await self._windows.window(model, parsed.tokens, request.credentials)
        budget = request.overrides.budget or self._windows.budget(window, most)
        learned = self._windows.learned(model, most)
        if learned:
            budget = lowered(budget, learned.high, learned.low)
        if wanted.ceiling is not None:
            budget = lowered(budget, wanted.ceiling, int(wanted.ceiling * DEEPER))
        ratio = self._calibration.ratio(model)
        fixed = parsed.fixed_tokens
        room = Budget(int(budget.high / ratio) - fixed, int(budget.low / ratio) - fixed)
        return Limits(window, budget, ratio, room)

    def learn(self, outcome: Outcome, usage: Usage) -> None:
        """Take in what the upstream counted."""
        if outcome.tokens_estimated:
            self._observe(outcome, usage.prompt_tokens)

    def refused(self, outcome: Outcome, refusal: TooLong) -> None:
        """Take in that the upstream found a prompt too long."""
        if refusal.prompt:
            self._observe(outcome, refusal.prompt)
        if refusal.window:
            self._windows.learn(outcome.model, refusal.window)

    def _observe(self, outcome: Outcome, counted: int) -> None:
        self._calibration.observe(outcome.model, outcome.tokens_estimated, counted, is_exact(outcome.model))


def lowered(budget: Budget, high: int, low: int) -> Budget:
    """Return `budget` with neither watermark above the given ones."""
    return Budget(high=min(budget.high, high), low=min(budget.low, low))
