"""Our own pages, all under /-/."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from foveate.proxy.config.loading import dump_settings
from foveate.proxy.errors import RequestError
from foveate.proxy.http.body import Body, HungUp
from foveate.proxy.http.overrides import read_overrides
from foveate.proxy.observers.merging import merged
from foveate.proxy.observers.report import report
from foveate.proxy.pages import (
    access,
    console,
    explanation,
    export,
    health,
    joint,
    kept,
    outcomes,
)
from foveate.proxy.pages.answering import as_json, caller_of, refusal, services_of
from foveate.proxy.pages.bench import routes as bench
from foveate.proxy.pruning import request
from foveate.proxy.pruning.request import Decision
from foveate.proxy.services import mebibytes
from foveate.proxy.serving.relay import CLIENT_CLOSED_REQUEST
from foveate.proxy.team.snapshots import Snapshots

DEFAULT = "/v1/chat/completions"  # the path whose requests are explained where none is named
router = APIRouter(prefix="/-")
guarded = APIRouter(dependencies=[Depends(access.admitted)])


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A request that was decided without sending or remembering anything."""

    request: request.Request
    decision: Decision


@router.get("")
def slashless() -> Response:
    """Send the browser to the page, whose addresses are relative to /-/."""
    return RedirectResponse("/-/", 308)


@router.get("/healthy")
def healthy() -> dict[str, str]:
    """Say that the process serves."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(asking: Request) -> Response:
    """Say whether it can do its work: 503 where not, with the reasons for those who may see them."""
    leaving = ["it has been told to end"] if asking.app.state.leaving else []
    problems = leaving or await health.problems(services_of(asking), asking.app.state.reach)
    told = {"status": "unready" if problems else "ready"}
    try:
        await access.admitted(asking)
    except HTTPException:
        return as_json(told, 503 if problems else 200)
    return as_json({**told, "problems": problems}, 503 if problems else 200)


@guarded.get("/metrics")
async def metrics(asking: Request) -> Response:
    """Return the metrics of all workers in Prometheus's text format, and what those have counted that have
    ended.
    """
    texts = await services_of(asking).parts.peers.ask({"about": "metrics"})
    snapshots: Snapshots | None = asking.app.state.snapshots
    content = merged(texts, snapshots.ended()) if snapshots else texts[0].encode()
    return Response(content, media_type="text/plain; version=0.0.4")


@guarded.get("/status")
async def status(asking: Request) -> Response:
    """Return what the page shows of the settings, and what callers have sent."""
    services = services_of(asking)
    parts = services.parts
    return as_json(
        {
            "mode": services.settings.mode,
            "policy": services.settings.policy,
            "policies": sorted(services.policies),
            "keep_text": parts.recent.keeps_text,
            "callers": joint.summed(await parts.peers.ask({"about": "callers"})),
            "memory": await parts.archive.count() if parts.archive else None,
            "login": bool(access.admin_token(asking)),
            "settings": dump_settings(services.settings),
        }
    )


@guarded.post("/explain")
async def explain_request(asking: Request) -> Response:
    """Return what would be done with a request and why, as a real one would be decided; nothing is
    sent.
    """
    try:
        rehearsal = await rehearse(asking)
    except RequestError as error:
        return refusal(error)
    return as_json(explanation.explained(rehearsal.request, rehearsal.decision))


@guarded.post("/prune")
async def prune_only(asking: Request) -> Response:
    """Return the pruned body of a request, with the headers that tell what was done.

    Where it names a session, the decision is remembered, and stands for that session's next request.
    """
    try:
        decision = (await rehearse(asking, remembers=True)).decision
    except RequestError as error:
        return refusal(error)
    told = {name.decode(): value.decode() for name, value in report(decision.outcome, 0.0)}
    return Response(
        decision.body, media_type="application/json", headers={**told, "cache-control": "no-store"}
    )


async def rehearse(asking: Request, remembers: bool = False) -> Rehearsal:
    """Decide on a request's body and headers without sending anything.

    Nothing is remembered either, unless `remembers` says that a session's decisions are.
    """
    services = services_of(asking)
    given = asking.scope["headers"]
    wanted = read_overrides(given, frozenset(services.policies))
    try:
        content = await Body(
            given, asking.receive, mebibytes(services.settings.server.max_body_mib)
        ).read()
    except HungUp:
        raise RequestError(CLIENT_CLOSED_REQUEST, "the caller hung up") from None
    whose, credentials = caller_of(asking)
    wire = services.formats.get(asking.query_params.get("path", DEFAULT))
    if wire is None:
        raise RequestError(400, f"path is not one of {', '.join(services.formats)}")
    keeps = remembers and wanted.session is not None and wanted.mode is None
    if keeps:
        wanted = replace(wanted, mode="on")
    made = request.Request(wire, content, wanted, whose, credentials, rehearsal=not keeps)
    return Rehearsal(made, await services.pruner.decide(made))


router.include_router(guarded)
router.include_router(export.router)
router.include_router(outcomes.router)
router.include_router(bench.router)
router.include_router(kept.router)
router.include_router(console.router)
