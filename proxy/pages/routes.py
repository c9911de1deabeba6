"""Our own pages, all under /-/."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from foveate.proxy.config import schema as config
from foveate.proxy.errors import RequestError
from foveate.proxy.http import headers, overrides
from foveate.proxy.pages import access, console, explanation, health
from foveate.proxy.pruning import prices
from foveate.proxy.pruning.asked import Asked, Decision
from foveate.proxy.services import Services, mebibytes
from foveate.proxy.serving import handler
from foveate.proxy.serving.relay import CLIENT_CLOSED_REQUEST, Body, HungUp

router = APIRouter(prefix="/-")
guarded = APIRouter(dependencies=[Depends(access.admitted)])


@router.get("")
def bare() -> Response:
    """Send the browser to the page, whose addresses are relative to /-/."""
    return RedirectResponse("/-/", 308)


@router.get("/healthy")
def healthy() -> dict[str, str]:
    """Say that the process serves."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(request: Request) -> Response:
    """Say whether it can do its work: 503 where not, with the reasons for those who may see them."""
    problems = await health.problems(services(request))
    status = {"status": "unready" if problems else "ready"}
    try:
        access.admitted(request)
    except HTTPException:
        return answer(status, 503 if problems else 200)
    return answer({**status, "problems": problems}, 503 if problems else 200)


@guarded.get("/metrics")
def metrics(request: Request) -> Response:
    """Return the metrics in Prometheus's text format."""
    parts = services(request)
    return Response(parts.metrics.render(parts.reading()), media_type="text/plain; version=0.0.4")


@guarded.get("/status")
def status(request: Request) -> Response:
    """Return what the page shows of the settings."""
    parts = services(request)
    return answer(
        {
            "mode": parts.settings.mode,
            "policy": parts.settings.policy,
            "policies": sorted(parts.settings.build_policies()),
            "keep_text": parts.recent.keeps_text,
            "login": bool(access.token_of(request)),
            "settings": config.dump(parts.settings),
        }
    )


@guarded.get("/outcomes")
def outcomes(request: Request, since: int = 0, epoch: str = "") -> Response:
    """Return the requests under way, and the outcomes that came after the serial number `since` of that `epoch`."""
    parts = services(request)
    recent = parts.recent
    found = recent.since(since if epoch == str(recent.epoch) else 0)
    return answer(
        {
            "epoch": str(recent.epoch),
            "serial": recent.serial,
            "underway": recent.running(),
            "outcomes": [{**outcome.summary(), "saved": prices.saved(outcome)} for outcome in found],
            "config": {
                "applied": parts.reloads.applied,
                "problem": parts.reloads.problem,
                "waiting": parts.reloads.waiting,
            },
        }
    )


@guarded.get("/outcomes/{key}")
def outcome(key: str, request: Request) -> Response:
    """Return what was decided about the request of that X-Pruning-Id, with its text where that is kept."""
    recent = services(request).recent
    found, described = recent.get(key), recent.described(key)
    if found is None or described is None:
        raise HTTPException(404, f"no outcome {key!r}; only the latest are kept (recent.max_outcomes)")
    return answer({**described, "saved": prices.saved(found)})


@guarded.post("/outcomes/{key}/explain")
async def explain_again(key: str, request: Request, policy: str | None = None, budget: str | None = None) -> Response:
    """Decide a kept request afresh, under another policy or budget."""
    parts = services(request)
    asked = parts.recent.asked(key)
    if asked is None:
        raise HTTPException(404, f"the text of {key!r} is not kept (recent.keep_text, recent.max_text_mib)")
    policies = frozenset(parts.settings.build_policies())
    try:
        again = explanation.asked_again(asked, policy, budget, policies)
    except RequestError as error:
        return refused(error)
    return answer(explanation.explain(await parts.pruner.decide(again)))


@guarded.post("/explain")
async def explain(request: Request) -> Response:
    """Return what would be done with a request and why, as a real one would be decided; nothing is sent."""
    try:
        return answer(explanation.explain(await rehearse(request)))
    except RequestError as error:
        return refused(error)


@guarded.post("/prune")
async def prune(request: Request) -> Response:
    """Return the pruned body of a request, with the headers that tell what was done."""
    try:
        decision = await rehearse(request)
    except RequestError as error:
        return refused(error)
    told = {name.decode(): value.decode() for name, value in headers.report(decision.outcome, 0.0)}
    return Response(decision.body, media_type="application/json", headers={**told, "cache-control": "no-store"})


async def rehearse(request: Request) -> Decision:
    """Decide on a request's body and headers without sending or remembering anything."""
    parts = services(request)
    limit = mebibytes(parts.settings.server.max_body_mib)
    asked_for = overrides.read(request.scope["headers"], frozenset(parts.settings.build_policies()))
    try:
        content = await Body(request.scope["headers"], request.receive, limit).read()
    except HungUp:
        raise RequestError(CLIENT_CLOSED_REQUEST, "the caller hung up") from None
    credentials = [(n, v) for n, v in request.scope["headers"] if n in handler.CREDENTIALS]
    token = access.token_of(request)
    if token and access.has_bearer(request, token):  # ours: the upstream must never see it
        credentials = [(n, v) for n, v in credentials if n != b"authorization"]
    asked = Asked(content, asked_for, handler.tenant(credentials), credentials, rehearsal=True)
    return await parts.pruner.decide(asked)


def services(request: Request) -> Services:
    """Return what serves now."""
    found: Services = request.app.state.services
    return found


def answer(value: Any, status: int = 200) -> Response:
    """Return JSON that nobody caches."""
    return Response(orjson.dumps(value), status, {"cache-control": "no-store"}, "application/json")


def refused(error: RequestError) -> Response:
    """Return an error in OpenAI's shape."""
    return Response(error.body(), error.status, media_type="application/json")


router.include_router(guarded)
router.include_router(console.router)
