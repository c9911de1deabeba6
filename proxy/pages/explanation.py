"""One decision shown whole, text included: to whoever sent the request, or was told to keep it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from foveate.policies.reasons.why import Why
from foveate.proxy.http.overrides import read_overrides
from foveate.proxy.pruning.outcome import verdicts
from foveate.proxy.pruning.request import Decision, Request


def explained(request: Request, decision: Decision) -> dict[str, Any]:
    """Return the outcome with the text of each segment and the messages that would be forwarded."""
    outcome, ledger = decision.outcome, decision.ledger
    rows = verdicts(ledger.packed()) if ledger else []
    if ledger:
        for row, segment, results in zip(
            rows, ledger.selection.segments, ledger.results(), strict=True
        ):
            row["text"] = segment.text
            row["results"] = results
    led = ledger.selection.why if ledger else None
    if led is not None:
        for i, row in enumerate(rows):
            row["why"] = told_of(led, i)
    return {
        **outcome.summary(),
        "room": led and {"left": led.left, "floor": led.floor, "gate": led.gate},
        "verdicts": rows,
        "failure_reason": outcome.failure_reason or None,
        "messages": request.format.items(decision.body),
    }


def told_of(led: Why, i: int) -> dict[str, Any]:
    """Return what led to the verdict on one segment, beside its score's shares."""
    return {
        "own": round(float(led.own[i]), 4),
        "price": round(float(led.price[i]), 4),
        "values": led.values[i],
        "alone": led.alone[i],
    }


def asked_again(
    request: Request, policy: str | None, budget: str | None, policies: frozenset[str]
) -> Request:
    """Return a request to be decided afresh, under another policy or budget where they are given.

    RequestError 400 where one of them is not allowed.
    """
    given = [(b"x-pruning-policy", policy), (b"x-pruning-budget", budget)]
    wanted = read_overrides([(name, value.encode()) for name, value in given if value], policies)
    fresh = replace(
        request.overrides,
        mode="on",
        sticky=False,
        policy=wanted.policy or request.overrides.policy,
        budget=wanted.budget or request.overrides.budget,
    )
    return Request(
        request.format, request.body, fresh, request.tenant, model=request.model, rehearsal=True
    )
