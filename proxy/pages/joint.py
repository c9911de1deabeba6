"""What the pages show of all workers: each answers the others' questions as it answers its own."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import State

from foveate.proxy.pages.answering import services_of
from foveate.proxy.services import Services
from foveate.proxy.team.peers import Question

Row = dict[str, Any]


async def answer(state: State, question: Question) -> Any:
    """Return what this worker knows; None where it does not know."""
    services: Services = state.services
    match question["about"]:
        case "requests":
            await asyncio.to_thread(services.parts.recent.write)
            return services.parts.recent.running()
        case "metrics":
            if services.parts.archive:
                await services.parts.archive.count()
            return await asyncio.to_thread(counted, services)
        case "callers":
            return services.parts.tally.rows()
        case "forgotten":
            await services.parts.histories.forget(question["tenant"], question["ids"])
    return None


def counted(services: Services) -> str:
    """Return what this worker has counted, in Prometheus's text format."""
    return services.parts.metrics.render(services.reading()).decode()


async def requests_underway(asking: Request) -> list[Row]:
    """Return the requests under way, once the outcomes of all that have ended are where all look."""
    answers = await services_of(asking).parts.peers.ask({"about": "requests"})
    return [row for rows in answers for row in rows]


Underway = Annotated[list[Row], Depends(requests_underway)]


def summed(answers: list[list[Row]]) -> list[Row]:
    """Return the counts of callers that several workers have, by name."""
    sums: dict[str, Row] = {}
    for row in [row for rows in answers for row in rows]:
        total = sums.setdefault(
            row["name"], {"name": row["name"], "requests": 0, "refused": 0, "tokens": 0}
        )
        for name in ("requests", "refused", "tokens"):
            total[name] += row[name]
    return [sums[name] for name in sorted(sums)]
