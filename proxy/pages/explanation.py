"""One decision shown whole, text included: to whoever sent the request, or was told to keep it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from foveate.proxy import services
from foveate.proxy.config import schema as config
from foveate.proxy.errors import ConfigError, RequestError
from foveate.proxy.formats import chat
from foveate.proxy.http import overrides
from foveate.proxy.pruning.asked import Asked, Decision
from foveate.proxy.pruning.outcome import verdicts


def explain(decision: Decision) -> dict[str, Any]:
    """Return the outcome with the text of each segment and the messages that would be forwarded."""
    outcome, ledger = decision.outcome, decision.ledger
    rows = verdicts(ledger.packed()) if ledger else []
    for row, segment in zip(rows, ledger.selection.segments if ledger else (), strict=True):
        row["text"] = segment.text
    return {
        **outcome.summary(),
        "verdicts": rows,
        "failure_reason": outcome.failure_reason or None,
        "messages": chat.wire_messages(decision.body),
    }


def asked_again(asked: Asked, policy: str | None, budget: str | None, policies: frozenset[str]) -> Asked:
    """Return a kept request to be decided afresh, under another policy or budget where they are given."""
    given = [(b"x-pruning-policy", policy), (b"x-pruning-budget", budget)]
    wanted = overrides.read([(name, value.encode()) for name, value in given if value], policies)
    fresh = dataclasses.replace(
        asked.overrides,
        mode="on",
        sticky=False,
        policy=wanted.policy or asked.overrides.policy,
        budget=wanted.budget or asked.overrides.budget,
    )
    return Asked(asked.body, fresh, asked.tenant, rehearsal=True)


async def explain_once(
    settings: config.Settings, content: bytes, policy: str | None, budget: str | None
) -> dict[str, Any]:
    """Return the explanation of a request by services that live for it alone; ConfigError for bad options."""
    policies = frozenset(settings.build_policies())
    try:
        asked = asked_again(Asked(content, overrides.Overrides(), ""), policy, budget, policies)
    except RequestError as error:
        raise ConfigError(str(error)) from None
    parts = services.build(settings)
    parts.start()
    try:
        return explain(await parts.pruner.decide(asked))
    finally:
        await parts.aclose()


def read_request(path: Path) -> bytes:
    """Return the content of a request file; ConfigError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
