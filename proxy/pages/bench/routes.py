"""The workbench: requests under policies that no setting names, and what would keep a segment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import ValidationError
from starlette.responses import Response

from foveate.policies.policy import Policy
from foveate.proxy.config.policies import build_policy, describe_policy, named_policies
from foveate.proxy.config.schema import PolicySettings
from foveate.proxy.errors import ConfigError, RequestError, explain_error
from foveate.proxy.http.body import Body, HungUp
from foveate.proxy.http.overrides import read_overrides
from foveate.proxy.pages import access, explanation
from foveate.proxy.pages.answering import as_json, refusal, services_of
from foveate.proxy.pages.bench.keeping import Trial, what_keeps
from foveate.proxy.pruning.request import Request as Pruning
from foveate.proxy.services import Services, mebibytes

router = APIRouter(dependencies=[Depends(access.admitted)])


class Tried(msgspec.Struct):
    """A policy to try: a name of the settings, and what differs from it."""

    name: str
    settings: dict[str, Any] = {}


class Bench(msgspec.Struct):
    """A request, kept or given, and what to try on it."""

    policies: list[Tried]
    outcome: str = ""  # of a kept request
    request: msgspec.Raw = msgspec.Raw(b"")
    path: str = "/v1/chat/completions"
    budget: int | str = ""  # as X-Pruning-Budget takes it
    segment: int = -1  # what would keep it?


@router.get("/policies")
def policies(asking: Request) -> Response:
    """Return every policy with all that its preset and the settings say of it, and which are presets as
    they ship.
    """
    settings = services_of(asking).settings
    known = named_policies(settings)
    found = {name: describe_policy(name, described) for name, described in known.items()}
    return as_json({"policies": found, "presets": sorted(known.keys() - settings.policies.keys())})


@router.post("/bench")
async def tried(asking: Request) -> Response:
    """Return what would be done with a request under each policy; nothing is sent or remembered."""
    services = services_of(asking)
    try:
        bench = await _read(asking, services)
        request = _request(bench, services)
        tried = [_policy(each, services) for each in bench.policies]
    except RequestError as error:
        return refusal(error)
    if bench.segment >= 0:
        trial = Trial(services.pruner.rehearse, request, tried[0], bench.segment)
        return as_json(await what_keeps(trial))
    found = []
    for policy in tried:
        again = replace_id(request)
        found.append(explanation.explained(again, await services.pruner.rehearse(again, policy)))
    return as_json(found)


def replace_id(request: Pruning) -> Pruning:
    """Return the same request with times and an id of its own."""
    return Pruning(
        request.format,
        request.body,
        request.overrides,
        request.tenant,
        model=request.model,
        rehearsal=True,
    )


async def _read(asking: Request, services: Services) -> Bench:
    """Return what is asked; RequestError 400 where it cannot be read."""
    most = mebibytes(services.settings.server.max_body_mib)
    try:
        content = await Body(asking.scope["headers"], asking.receive, most).read()
        return msgspec.json.decode(content, type=Bench)
    except HungUp:
        raise RequestError(499, "the caller hung up") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise RequestError(400, f"the request is not JSON that can be tried: {error}") from None


def _request(bench: Bench, services: Services) -> Pruning:
    """Return the request to try: a kept one, or the one that came along."""
    given = [(b"x-pruning-budget", str(bench.budget).encode())] if bench.budget else []
    wanted = read_overrides(given, frozenset(services.policies))
    if bench.outcome:
        kept = services.parts.recent.request(bench.outcome)
        if kept is None:
            raise HTTPException(404, f"the text of {bench.outcome!r} is not kept (recent.keep_text)")
        fresh = replace(
            kept.overrides,
            mode="on",
            sticky=False,
            policy=None,
            budget=wanted.budget or kept.overrides.budget,
        )
        return Pruning(kept.format, kept.body, fresh, kept.tenant, model=kept.model, rehearsal=True)
    wire = services.formats.get(bench.path)
    if wire is None:
        raise RequestError(400, f"path is not one of {', '.join(services.formats)}")
    fresh = replace(wanted, mode="on", sticky=False)
    return Pruning(wire, bytes(bench.request), fresh, "workbench", rehearsal=True)


def _policy(tried: Tried, services: Services) -> Policy:
    """Return a policy with what differs; RequestError 400 where that cannot be."""
    known = named_policies(services.settings)
    if tried.name not in known:
        raise RequestError(400, f"policy {tried.name!r} is not one of {', '.join(sorted(known))}")
    if not tried.settings:
        return services.policies[tried.name]
    try:
        settings = PolicySettings(**tried.settings)
        return build_policy(tried.name, settings)
    except ConfigError as error:
        raise RequestError(400, str(error)) from None
    except ValidationError as error:
        raise RequestError(400, "; ".join(explain_error(e, "policy") for e in error.errors())) from None
