"""Our own pages, all under /-/."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request

router = APIRouter(prefix="/-")


@router.get("/healthy")
def healthy() -> dict[str, str]:
    """Say that the process serves."""
    return {"status": "ok"}


@router.get("/outcomes/{key}")
def outcome(key: str, request: Request) -> dict[str, Any]:
    """Return what was decided about the request of that X-Pruning-Id."""
    found = request.app.state.services.recent.get(key)
    if found is None:
        raise HTTPException(404, f"no outcome {key!r}; only the latest are kept (recent.max_outcomes)")
    described: dict[str, Any] = found.as_json()
    return described
