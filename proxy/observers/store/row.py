"""An outcome as it is stored: what is looked for and summed up in columns, all of it in one value."""

from __future__ import annotations

from typing import Any

import msgspec

from foveate.proxy.pruning import prices
from foveate.proxy.pruning.outcome import Outcome

COLUMNS = {
    "id": "TEXT NOT NULL UNIQUE",
    "created": "REAL NOT NULL",
    "conversation": "TEXT NOT NULL",
    "caller": "TEXT NOT NULL",
    "api": "TEXT NOT NULL",
    "model": "TEXT NOT NULL",
    "policy": "TEXT NOT NULL",
    "result": "TEXT NOT NULL",
    "status": "INTEGER NOT NULL",
    "tokens_before": "INTEGER",
    "tokens_after": "INTEGER",  # that went upstream
    "tokens_pruned": "INTEGER",  # that would have gone in a dry run, else the same
    "tokens_prefix": "INTEGER",
    "born": "INTEGER NOT NULL",
    "recalled": "INTEGER NOT NULL",
    "prompt": "INTEGER",
    "cached": "INTEGER",
    "cost": "REAL",
    "whole": "REAL",  # what the whole history would have cost
    "thought_kept": "INTEGER NOT NULL",
    "thought_lost": "INTEGER NOT NULL",
    "packed": "BLOB NOT NULL",
}
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Outcome)


def row_of(outcome: Outcome, caller: str) -> dict[str, Any]:
    """Return an outcome's columns."""
    usage = outcome.usage
    costs = prices.costs(outcome)
    return {
        "id": outcome.id,
        "created": outcome.created,
        "conversation": outcome.conversation,
        "caller": caller,
        "api": outcome.api,
        "model": outcome.model,
        "policy": outcome.policy,
        "result": outcome.result,
        "status": outcome.status,
        "tokens_before": outcome.tokens_before,
        "tokens_after": outcome.tokens_forwarded,
        "tokens_pruned": outcome.tokens_after,
        "tokens_prefix": outcome.tokens_prefix,
        "born": outcome.tokens_born,
        "recalled": outcome.recalled,
        "prompt": usage and usage.prompt_tokens,
        "cached": usage and usage.cached_tokens,
        "cost": costs and costs.sent,
        "whole": costs and costs.whole,
        "thought_kept": outcome.thought_kept,
        "thought_lost": outcome.thought_lost,
        "packed": _encoder.encode(outcome),
    }


def outcome_of(packed: bytes) -> Outcome | None:
    """Return the outcome of a row, None where another version has written what this one cannot read."""
    try:
        return _decoder.decode(packed)
    except msgspec.MsgspecError:
        return None
