"""How much a prompt may take: the window, the watermarks, and how the upstream's counts differ from
ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foveate.policies.types import Budget
from foveate.proxy.formats.parsed import Parsed
from foveate.proxy.formats.tokens import encoding_name, is_exact
from foveate.proxy.formats.wire.usage import Usage
from foveate.proxy.http.refusals import TooLong
from foveate.proxy.pruning.limits.calibration import Calibration
from foveate.proxy.pruning.limits.lessons import Accepted, Counted, Lesson, Refused, unheard
from foveate.proxy.pruning.limits.windows import ModelWindow, Windows
from foveate.proxy.pruning.outcome import Outcome
from foveate.proxy.pruning.request import Request, Wanted

# How deep to cut where an upstream refuses a prompt as too long, at the least: it is asked once more
# only
DEEPER = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one request."""

    window: ModelWindow
    budget: Budget  # of the whole prompt, as the upstream counts
    ratio: float  # what to multiply our count with
    room: Budget  # for the history, as we count
    # What a refusal has taught is less than the budget that the caller has asked for
    narrowed: bool = False
    # They are of a window that the provider's own edits are to keep the prompt within
    edited: bool = False

    def counted(self, tokens: int) -> int:
        """Return our count as the upstream's."""
        return int(tokens * self.ratio)


class Watermarks:
    """Finds the limits of requests, and learns from what upstreams answer."""

    def __init__(
        self, windows: Windows, calibration: Calibration, tell: Callable[[Lesson], None] = unheard
    ) -> None:
        self._windows = windows
        self._calibration = calibration
        self._tell = tell  # to others, who share what is learned

    async def of(self, request: Request, wanted: Wanted, parsed: Parsed) -> Limits:
        """Return the limits of a request."""
        model, most = parsed.outline.model, parsed.outline.max_output
        window = await self._windows.window(model, parsed.tokens, request.credentials, request.tenant)
        budget = request.overrides.budget or self._windows.budget(window, most)
        lower = budget
        if window.source == "learned":
            learned = self._windows.budget(window, most)
            lower = lowered(budget, learned.high, learned.low)
        narrowed = request.overrides.budget is not None and lower != budget
        if wanted.ceiling is not None:
            lower = lowered(lower, wanted.ceiling, int(wanted.ceiling * DEEPER))
        ratio = self._calibration.ratio(model, parsed.counter.name, request.tenant)
        fixed = parsed.fixed_tokens
        room = Budget(int(lower.high / ratio) - fixed, int(lower.low / ratio) - fixed)
        own = wanted.budgeted or wanted.ceiling is not None or window.source == "learned"
        edited = parsed.outline.edited and self._windows.shared and not own
        return Limits(window, lower, ratio, room, narrowed, edited)

    def learn(self, request: Request, outcome: Outcome, usage: Usage) -> None:
        """Take in what the upstream counted of a prompt that it has answered."""
        self._learn(Accepted(outcome.model, request.tenant, usage.prompt_tokens))
        if outcome.tokens_estimated:
            self._observe(request, outcome, usage.prompt_tokens)

    def refused(self, request: Request, outcome: Outcome, refusal: TooLong) -> None:
        """Take in that the upstream found a prompt too long."""
        if refusal.prompt:
            self._observe(request, outcome, refusal.prompt)
        if refusal.window:
            sent = max(outcome.tokens_after or 0, refusal.prompt or 0)
            self._learn(Refused(outcome.model, request.tenant, refusal.window, sent))

    def _observe(self, request: Request, outcome: Outcome, counted: int) -> None:
        if outcome.guessed:  # pictures, files and the like say nothing about a tokenizer
            return
        model = outcome.model
        key = model, encoding_name(model), request.tenant
        self._learn(Counted(key, outcome.tokens_estimated, counted, is_exact(model)))

    def _learn(self, lesson: Lesson) -> None:
        if lesson.teach(self._windows, self._calibration):
            self._tell(lesson)


def lowered(budget: Budget, high: int, low: int) -> Budget:
    """Return `budget` with neither watermark above the given ones."""
    return Budget(high=min(budget.high, high), low=min(budget.low, low))
