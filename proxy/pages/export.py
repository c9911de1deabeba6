"""Outcomes to take away: as JSON and CSV, a kept request as `curl`, and what describes pages and settings."""

from __future__ import annotations

import csv
import io
import shlex
from importlib import metadata
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from foveate.proxy.config.editors import settings_schema
from foveate.proxy.formats import FORMATS
from foveate.proxy.observers.store.sought import MOST, Sought
from foveate.proxy.pages import access
from foveate.proxy.pages.answering import as_json, services_of
from foveate.proxy.pages.outcomes import row
from foveate.proxy.pruning.request import Request as Pruning

router = APIRouter(dependencies=[Depends(access.admitted)])
END = "FOVEATE_REQUEST"  # of the body in a command: no line of JSON is that
# How a cell must not begin: spreadsheets would run it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
NO_STORE = {"cache-control": "no-store"}


class Exported(Sought):
    """Outcomes that are sought: all that are kept, where nothing is said."""

    limit: int = MOST


@router.get("/outcomes.json")
def as_one_list(asking: Request, sought: Annotated[Exported, Query()]) -> Response:
    """Return the outcomes that are sought, oldest first."""
    return as_json([row(found) for found in services_of(asking).parts.recent.find(sought)])


@router.get("/outcomes.csv")
def as_table(asking: Request, sought: Annotated[Exported, Query()]) -> Response:
    """Return the outcomes that are sought as a table, oldest first."""
    rows = [flat(row(found)) for found in services_of(asking).parts.recent.find(sought)]
    columns = list(dict.fromkeys(name for each in rows for name in each))
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(columns)
    table.writerows([[cell(each.get(name)) for name in columns] for each in rows])
    headers = {**NO_STORE, "content-disposition": 'attachment; filename="foveate-outcomes.csv"'}
    return Response(written.getvalue(), 200, headers, "text/csv; charset=utf-8")


@router.get("/outcomes/{key}/request")
def request(key: str, asking: Request) -> Response:
    """Return the body of a kept request as it came."""
    return Response(kept(key, asking).body, 200, NO_STORE, "application/json")


@router.get("/outcomes/{key}/curl")
def curl(key: str, asking: Request) -> Response:
    """Return a command that sends a kept request again, to this very address; the key is yours to set."""
    found = kept(key, asking)
    address = f"{asking.url.scheme}://{asking.headers.get('host', '127.0.0.1')}"
    return Response(command(found, address), 200, NO_STORE, "text/plain; charset=utf-8")


@router.get("/openapi.json")
def openapi(asking: Request) -> Response:
    """Return what these pages take and give, as OpenAPI."""
    routes = [
        each for each in asking.app.routes if not getattr(each, "path", "").startswith("/-/static")
    ]
    return as_json(get_openapi(title="foveate", version=metadata.version("foveate"), routes=routes))


@router.get("/schema.json")
def schema_json() -> Response:
    """Return the JSON schema of the settings, for editors."""
    return as_json(settings_schema())


def kept(key: str, asking: Request) -> Pruning:
    """Return a kept request; HTTPException 404 where its text is not kept."""
    found = services_of(asking).parts.recent.request(key)
    if found is None:
        raise HTTPException(
            404, f"the text of {key!r} is not kept (recent.keep_text, recent.max_text_mib)"
        )
    return found


def command(found: Pruning, address: str) -> str:
    """Return a request as a command for a shell."""
    path = next(path for path, target in FORMATS.items() if f".{found.format.name}:" in target)
    headers = ["Content-Type: application/json", *asked_by(found)]
    lines = [f"curl {shlex.quote(address + path)}"]
    lines += [f"  -H {shlex.quote(header)}" for header in headers]
    if found.format.name == "messages":
        lines += ['  -H "x-api-key: $ANTHROPIC_API_KEY"', "  -H 'anthropic-version: 2023-06-01'"]
    else:
        lines.append('  -H "Authorization: Bearer $OPENAI_API_KEY"')
    lines.append(f"  --data-binary @- <<'{END}'")
    body = found.body.decode("utf-8", "replace").replace("\r", "").strip("\n")
    return " \\\n".join(lines) + f"\n{body}\n{END}\n"


def asked_by(found: Pruning) -> list[str]:
    """Return the headers of ours that a request had."""
    wanted = found.overrides
    budget = wanted.budget and f"{wanted.budget.high}/{wanted.budget.low}"
    sticky = None if wanted.sticky is None else "on" if wanted.sticky else "off"
    given = {
        "X-Pruning": wanted.mode,
        "X-Pruning-Policy": wanted.policy,
        "X-Pruning-Budget": budget or ("economy" if wanted.thrifty else None),
        "X-Pruning-Sticky": sticky,
        "X-Pruning-Session": wanted.session,
    }
    return [f"{name}: {value}" for name, value in given.items() if value]


def flat(value: Any, above: str = "") -> dict[str, Any]:
    """Return a value's parts by their paths."""
    if not isinstance(value, dict):
        return {above: value}
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= flat(inner, f"{above}.{name}" if above else name)
    return found


def cell(value: Any) -> Any:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
