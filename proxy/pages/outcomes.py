"""What has become of requests: listed, searched, summed up, by conversation, and each by itself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import Response

from foveate.proxy.errors import RequestError
from foveate.proxy.observers.recent import Found
from foveate.proxy.observers.store.sought import Sought
from foveate.proxy.pages import access, explanation, joint
from foveate.proxy.pages.answering import as_json, refusal, services_of
from foveate.proxy.pruning import prices

router = APIRouter(dependencies=[Depends(access.admitted), Depends(joint.requests_underway)])


class News(Sought):
    """Outcomes that are sought, since a serial number of an `epoch`: of another one all are news."""

    epoch: str = ""


@router.get("/outcomes")
def latest_outcomes(
    asking: Request, sought: Annotated[News, Query()], underway: joint.Underway
) -> Response:
    """Return the requests under way, and the latest outcomes that are sought, oldest first."""
    parts = services_of(asking).parts
    recent, reloads = parts.recent, parts.reloads
    epoch, serial = recent.epoch, recent.serial
    if sought.epoch and sought.epoch != epoch:
        sought = sought.model_copy(update={"since": 0})
    return as_json(
        {
            "epoch": epoch,
            "serial": serial,
            "underway": underway,
            "outcomes": [row(found) for found in recent.find(sought)],
            "config": {
                "applied": reloads.applied,
                "problem": reloads.problem,
                "waiting": reloads.waiting,
            },
        }
    )


@router.get("/totals")
def totals(asking: Request, sought: Annotated[Sought, Query()]) -> Response:
    """Return the sums over all outcomes that are sought."""
    return as_json(services_of(asking).parts.recent.totals(sought))


@router.get("/choices")
def choices(asking: Request) -> Response:
    """Return which results, models and the like there are to look for, the commonest first."""
    return as_json(services_of(asking).parts.recent.choices())


@router.get("/conversations")
def conversations(asking: Request, sought: Annotated[Sought, Query()]) -> Response:
    """Return the conversations that have an outcome that is sought, the latest first, each summed up."""
    return as_json({"conversations": services_of(asking).parts.recent.conversations(sought)})


@router.get("/outcomes/{key}")
def one(key: str, asking: Request) -> Response:
    """Return what was decided about the request of that X-Pruning-Id, with its text where that is kept."""
    recent = services_of(asking).parts.recent
    found, described = recent.get(key), recent.described(key)
    if found is None or described is None:
        raise HTTPException(404, f"no outcome {key!r}; only the latest are kept (recent.max_outcomes)")
    return as_json({**described, **money(found)})


@router.post("/outcomes/{key}/explain")
async def explain_again(
    key: str, asking: Request, policy: str | None = None, budget: str | None = None
) -> Response:
    """Decide a kept request afresh, under another policy or budget."""
    services = services_of(asking)
    kept = services.parts.recent.request(key)
    if kept is None:
        raise HTTPException(
            404, f"the text of {key!r} is not kept (recent.keep_text, recent.max_text_mib)"
        )
    try:
        again = explanation.asked_again(kept, policy, budget, frozenset(services.policies))
    except RequestError as error:
        return refusal(error)
    return as_json(explanation.explained(again, await services.pruner.decide(again)))


def row(found: Found) -> dict[str, Any]:
    """Return an outcome as it is listed."""
    summary = found.outcome.summary()
    return {**summary, "serial": found.serial, "caller": found.caller, **money(found.outcome)}


def money(outcome: Any) -> dict[str, float | None]:
    """Return what a prompt has cost, and what pruning has saved, in US dollars."""
    costs = prices.costs(outcome)
    return {
        "saved": prices.saved(outcome),
        "cost": costs and costs.sent,
        "whole": costs and costs.whole,
    }
