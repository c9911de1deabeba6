"""All that happened to one request; headers, metrics, logs and look-ups are views of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import orjson

from foveate.policies.results.explaining import needed, results_of
from foveate.policies.types import Budget, Fate, Selection, reason
from foveate.proxy.formats.desk import Desk
from foveate.proxy.formats.wire.usage import Usage
from foveate.proxy.pruning.limits.windows import ModelWindow

Result = Literal[
    "untouched", "shortened", "cut", "sticky", "remembered", "over", "dry-run", "off", "failed"
]


Resent = Literal["", "length", "reasoning"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about a request, and how it ended.

    A struct, since it is made and replaced on every request: a frozen dataclass of this size takes ten
    times as long.
    """

    id: str
    created: int  # seconds since the epoch
    result: Result
    policy: str
    api: str = ""  # that the request came by
    caller: str = ""  # who has sent it, where the settings name callers
    model: str = ""
    window: ModelWindow | None = None
    budget: Budget | None = None
    tokens_before: int | None = None  # of the whole prompt; None where it was not counted
    tokens_after: int | None = None
    # Shared with the conversation's previous prompt; None where that is not known
    tokens_prefix: int | None = None
    tokens_estimated: int = 0  # of what was sent, before calibration
    # It holds what is no text, whose tokens are stated estimates, or is edited by the provider
    guessed: bool = False
    narrowed: bool = False  # the caller's own budget was lowered to a window that a refusal has named
    tokens_repeated: int = 0  # that the whole history shares with the conversation's previous request
    segments: int = 0
    kept: int = 0
    recalled: int = 0
    tokens_recalled: int = 0  # of the quoted segments, and of what is quoted of results
    remembered: int = 0  # segments that the client no longer sends, and are quoted
    tokens_remembered: int = 0  # that they take
    tokens_born: int = 0  # that results take less since they were shortened at their first appearance
    tokens_cut: int = 0  # and those of which a cut has left a part
    # A name for its conversation, by how that began or its session; empty where that is not known
    conversation: str = ""
    thought_kept: int = 0  # tokens of earlier reasoning that were sent on
    thought_lost: int = 0  # and of that which was taken out
    late: int = 0  # segments whose vectors could not be had in time
    failure: str = ""  # the stage that failed
    # For the log and whoever asks for an explanation; it may quote the request
    failure_reason: str = ""
    # Sent once more, since the upstream had refused the first prompt for its length or reasoning
    resent: Resent = ""
    usage: Usage | None = None  # as the upstream counts
    status: int = 0  # of the answer; 499 where the caller hung up, 0 while it is under way
    milliseconds: Mapping[str, float] = msgspec.field(default_factory=dict)
    # Milliseconds from the request's arrival to the answer's head; None without one
    first_byte: float | None = None
    took: float = 0.0  # milliseconds from the request's arrival to the answer's end

    @property
    def dropped(self) -> int:
        """Segments left out."""
        return self.segments - self.kept - self.recalled

    @property
    def tokens_forwarded(self) -> int | None:
        """Tokens of the prompt that went upstream: in a dry run the whole one."""
        return self.tokens_before if self.result == "dry-run" else self.tokens_after

    def summary(self) -> dict[str, Any]:
        """Return everything but the verdicts."""
        return {
            "id": self.id,
            "created": self.created,
            "result": self.result,
            "policy": self.policy,
            "api": self.api,
            "conversation": self.conversation or None,
            "caller": self.caller or None,
            "model": self.model,
            "window": self.window and {"tokens": self.window.tokens, "source": self.window.source},
            "budget": self.budget and {"high": self.budget.high, "low": self.budget.low},
            "tokens": {
                "before": self.tokens_before,
                "after": self.tokens_after,
                "prefix": self.tokens_prefix,
                "repeated": self.tokens_repeated,
                "shortened": {"birth": self.tokens_born, "cut": self.tokens_cut},
                "recalled": self.tokens_recalled,
                "thought": {"kept": self.thought_kept, "lost": self.thought_lost},
            },
            "usage": self.usage
            and {"prompt": self.usage.prompt_tokens, "cached": self.usage.cached_tokens},
            "segments": {
                "total": self.segments,
                "kept": self.kept,
                "dropped": self.dropped,
                "recalled": self.recalled,
            },
            "memory": {"quoted": self.remembered, "tokens": self.tokens_remembered},
            "failure": self.failure or None,
            "resent": self.resent or None,
            "status": self.status,
            "milliseconds": {stage: round(ms, 3) for stage, ms in self.milliseconds.items()},
            "first_byte": self.first_byte and round(self.first_byte, 3),
            "took": round(self.took, 3),
        }


@dataclass(frozen=True, slots=True)
class Ledger:
    """What became of each segment of a request, and where it stands there."""

    selection: Selection
    places: Sequence[tuple[int, ...]]  # positions of each segment's items
    desk: Desk  # that has read the inside of results
    query: str  # the latest user turn

    def results(self) -> list[list[dict[str, Any]]]:
        """Return each segment's results that are not whole, and which needs their pieces served."""
        return results_of(self.selection, needed(self.selection, self.query, self.desk))

    def packed(self) -> bytes:
        """Return it without the text, as JSON by columns: a tenth of what a long history's objects
        take.
        """
        chosen, segments = self.selection, self.selection.segments
        results = results_of(chosen, self.desk.stretches)
        below = chosen.below
        return orjson.dumps(
            {
                "cut": chosen.cut,
                "id": [s.id for s in segments],
                "messages": self.places,
                "role": [s.role for s in segments],
                "kind": [s.kind for s in segments],
                "turn": [s.turn for s in segments],
                "tokens": [s.tokens for s in segments],
                "fate": chosen.fates if chosen.state.dropped else None,  # all kept
                "pin": [s.pin or None for s in segments],
                "below": [i for i, s in enumerate(segments) if s.key in below] if below else [],
                "score": None if chosen.scores is None else np.round(chosen.scores, 4).tolist(),
                "shares": {name: np.round(share, 4).tolist() for name, share in chosen.shares.items()},
                "results": {n: found for n, found in enumerate(results) if found},
            },
            option=orjson.OPT_NON_STR_KEYS,
        )

    def texts(self) -> bytes:
        """Return the text of each segment as JSON."""
        return orjson.dumps([s.text for s in self.selection.segments])


def verdicts(packed: bytes) -> list[dict[str, Any]]:
    """Return what a packed ledger says of each segment, oldest first."""
    columns = orjson.loads(packed)
    cut, shares, below = columns.pop("cut"), columns.pop("shares"), frozenset(columns.pop("below"))
    results = columns.pop("results")
    size = len(columns["id"])
    columns["fate"] = columns["fate"] or ["kept"] * size
    columns["score"] = columns["score"] or [0.0] * size
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for i, row in enumerate(rows):
        fate: Fate = row["fate"]
        row["reason"] = reason(fate, row["pin"] or "", cut, i in below)
        row["shares"] = {name: share[i] for name, share in shares.items()}
        row["results"] = results.get(str(i), [])
    return rows
