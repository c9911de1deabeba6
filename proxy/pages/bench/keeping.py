"""What would keep a segment that goes: the budget, or the weight of a signal, that it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from foveate.policies.policy import Policy, WeightedSignal
from foveate.policies.types import Budget, Selection
from foveate.proxy.pruning.request import Decision, Request

STEPS = 9  # halvings: to a five-hundredth of what is searched
MOST = 32.0  # times its weight: what needs more is not kept by it


@dataclass(frozen=True, slots=True)
class Trial:
    """A request, the policy that decides it, and the segment that is asked about."""

    decide: Callable[[Request, Policy], Awaitable[Decision]]
    request: Request
    policy: Policy
    segment: int

    async def selected(self, policy: Policy, budget: Budget | None = None) -> Selection | None:
        """Return what would be kept under another policy or budget, None where that is not known."""
        given = self.request
        wanted = replace(given.overrides, budget=budget) if budget else given.overrides
        again = Request(
            given.format, given.body, wanted, given.tenant, model=given.model, rehearsal=True
        )
        decision = await self.decide(again, policy)
        return decision.ledger.selection if decision.ledger else None

    async def stays(self, policy: Policy, budget: Budget | None = None) -> bool:
        """Say whether the segment would be kept."""
        selection = await self.selected(policy, budget)
        return selection is not None and self.segment in set(selection.kept)


async def what_keeps(trial: Trial) -> dict[str, Any]:
    """Return whether the segment stays as it is, else the least budget and the weights that would keep it,
    each with all else as it is.
    """
    selection = await trial.selected(trial.policy)
    if selection is None or not 0 <= trial.segment < len(selection.segments):
        return {"kept": None, "budget": None, "weights": {}}
    if trial.segment in set(selection.kept):
        return {"kept": True, "budget": None, "weights": {}}
    whole = sum([s.tokens for s in selection.segments])
    weights = {}
    for signal in trial.policy.signals:
        share = (
            float(selection.shares[signal.name][trial.segment])
            if signal.name in selection.shares
            else 0.0
        )
        found = await weight_of(trial, signal, share)
        if found is not None:
            weights[signal.name] = found
    return {"kept": False, "budget": await budget_of(trial, whole), "weights": weights}


async def budget_of(trial: Trial, whole: int) -> int | None:
    """Return the tokens of the whole prompt at which the segment would stay."""

    async def stays(tokens: float) -> bool:
        return await trial.stays(trial.policy, Budget(int(tokens), int(tokens)))

    most = 2 * whole + 4096  # more than the prompt has, tools and instructions included
    found = await least(stays, 1, most)
    return None if found is None else int(found) + 1


async def weight_of(trial: Trial, signal: WeightedSignal, share: float) -> float | None:
    """Return the factor on a signal's weight at which the segment would stay, None where none does.

    What speaks for it would have to count more, what speaks against it less.
    """

    async def stays(factor: float) -> bool:
        return await trial.stays(weighted(trial.policy, signal.name, factor))

    if share > 0:
        return await least(stays, 1.0, MOST)
    if share < 0 and await stays(0.0):
        return 0.0
    return None


async def least(stays: Callable[[float], Awaitable[bool]], low: float, high: float) -> float | None:
    """Return about the least number at which something stays, None where it does not at `high` either."""
    if not await stays(high):
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2 if high / max(low, 1e-9) < 4 else (low * high) ** 0.5
        if await stays(middle):
            high = middle
        else:
            low = middle
    return high


def weighted(policy: Policy, name: str, factor: float) -> Policy:
    """Return a policy in which one signal counts so many times as much."""
    return replace(
        policy, signals=tuple([_scaled(s, factor) if s.name == name else s for s in policy.signals])
    )


def _scaled(signal: WeightedSignal, factor: float) -> WeightedSignal:
    weight = signal.weight
    if isinstance(weight, float | int):
        return replace(signal, weight=weight * factor)
    return replace(signal, weight={kind: each * factor for kind, each in weight.items()})
