"""What memory keeps: counted, exported and deleted, by caller and conversation."""

from __future__ import annotations

from dataclasses import asdict

import orjson
from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import Response

from foveate.proxy.archive import Spoken
from foveate.proxy.archive.archive import Archive, session_id
from foveate.proxy.errors import ArchiveError
from foveate.proxy.pages import access
from foveate.proxy.pages.answering import as_json, services_of, whose_of

router = APIRouter(prefix="/memory", dependencies=[Depends(access.admitted)])
MOST = 1000  # conversations that are listed


@router.get("")
async def kept_conversations(asking: Request) -> Response:
    """Return what is kept of the conversations that the query names, the latest first; no text."""
    talks = await kept_by(asking).talks(*_whose(asking))
    rows = [asdict(talk) for talk in talks[:MOST]]
    return as_json({**await _totals(asking), "conversations": rows})


@router.get("/export")
async def export(asking: Request) -> Response:
    """Return the texts that are kept, a line of JSON for each, conversation by conversation."""
    try:
        said = await kept_by(asking).said(*_whose(asking))
    except ArchiveError as error:
        raise HTTPException(503, str(error)) from None
    lines = b"".join([_line(each) for each in said])
    return Response(lines, 200, {"cache-control": "no-store"}, "application/x-ndjson")


@router.delete("")
async def forget(asking: Request) -> Response:
    """Delete what is kept of a caller or a conversation, with the vectors that were made of it."""
    tenant, conversation = _whose(asking)
    if not (tenant or conversation) and asking.query_params.get("all") != "true":
        raise HTTPException(
            400,
            "name what to delete: ?tenant=, ?conversation=, ?session= with the caller's own key, or ?all=true",
        )
    gone = await kept_by(asking).forget(tenant, conversation)
    peers = services_of(asking).parts.peers
    for owner, ids in gone.items():
        await peers.ask({"about": "forgotten", "tenant": owner, "ids": sorted(ids)})
    return as_json({"deleted": sum(map(len, gone.values())), **await _totals(asking)})


def kept_by(asking: Request) -> Archive:
    """Return what keeps texts; HTTPException 404 where memory is off."""
    archive = services_of(asking).parts.archive
    if archive is None:
        raise HTTPException(404, "memory is off (memory.enabled): nothing is kept")
    return archive


def _whose(asking: Request) -> tuple[str, str]:
    """Return the caller and the conversation that a query or the caller's own key names, empty for all."""
    query = asking.query_params
    tenant = query.get("tenant") or whose_of(asking)
    session = query.get("session", "")
    if session and not tenant:
        raise HTTPException(
            400, "session names a conversation of one caller: add ?tenant= or send the caller's own key"
        )
    return tenant, session_id(tenant, session) if session else query.get("conversation", "")


async def _totals(asking: Request) -> dict[str, int]:
    """Return how much is kept of all."""
    counts = await kept_by(asking).count()
    return {f"total_{name}": count for name, count in counts.items()}


def _line(said: Spoken) -> bytes:
    """Return a segment as a line of JSON."""
    segment = said.segment
    told = {
        "conversation": said.conversation,
        "position": said.position,
        "id": segment.id,
        "role": segment.role,
        "name": segment.name,
        "kind": segment.kind,
        "tokens": segment.tokens,
        "text": segment.text,
    }
    return orjson.dumps(told) + b"\n"
