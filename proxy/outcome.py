"""All that happened to one request; headers, logs and look-ups are views of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from policies.types import Budget, Selection
from proxy.usage import Usage
from proxy.windows import Window

Result = Literal["untouched", "cut", "sticky", "dry-run", "off", "failed"]
ROW = ("id", "messages", "role", "kind", "turn", "tokens", "fate", "pin", "reason", "score", "shares")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided about a request, and how it ended."""

    id: str
    created: int  # seconds since the epoch
    result: Result
    policy: str
    model: str = ""
    window: Window | None = None
    budget: Budget | None = None
    tokens_before: int | None = None  # of the whole prompt; None where it could not be counted
    tokens_after: int | None = None
    tokens_prefix: int = 0  # that the prompt shares with the conversation's previous one
    tokens_estimated: int = 0  # of what was sent, before calibration
    tokens_repeated: int = 0  # that the whole history shares with the conversation's previous request
    segments: int = 0
    kept: int = 0
    recalled: int = 0
    selection: Selection | None = None
    places: tuple[tuple[int, ...], ...] = ()  # positions of each segment's messages in the request
    failure: str = ""  # the stage that failed
    failure_reason: str = ""  # for the log and whoever asks for an explanation; it may quote the request
    resent: bool = False  # cut deeper after the upstream had refused the first prompt as too long
    usage: Usage | None = None  # as the upstream counts
    status: int = 0  # of the answer; 499 where the caller hung up, 0 while it is under way
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    first_byte: float | None = None  # milliseconds from the request's arrival to the answer's head; None without one
    took: float = 0.0  # milliseconds from the request's arrival to the answer's end

    @property
    def dropped(self) -> int:
        """Segments left out."""
        return self.segments - self.kept - self.recalled

    @property
    def tokens_recalled(self) -> int:
        """Tokens of the quoted segments."""
        verdicts = self.selection.verdicts if self.selection else ()
        return sum(v.segment.tokens for v in verdicts if v.fate == "recalled")

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
            "model": self.model,
            "window": self.window and {"tokens": self.window.tokens, "source": self.window.source},
            "budget": self.budget and {"high": self.budget.high, "low": self.budget.low},
            "tokens": {
                "before": self.tokens_before,
                "after": self.tokens_after,
                "prefix": self.tokens_prefix,
                "repeated": self.tokens_repeated,
            },
            "usage": self.usage and {"prompt": self.usage.prompt_tokens, "cached": self.usage.cached_tokens},
            "segments": {"total": self.segments, "kept": self.kept, "dropped": self.dropped, "recalled": self.recalled},
            "failure": self.failure or None,
            "resent": self.resent,
            "status": self.status,
            "milliseconds": {stage: round(ms, 3) for stage, ms in self.milliseconds.items()},
            "first_byte": self.first_byte and round(self.first_byte, 3),
            "took": round(self.took, 3),
        }

    def as_json(self) -> dict[str, Any]:
        """Return everything but the text of the messages."""
        return {**self.summary(), "verdicts": [describe(row) for row in self.rows()]}

    def rows(self) -> list[tuple[Any, ...]]:
        """Return each verdict without its text, as plain values that `describe` reads."""
        verdicts = self.selection.verdicts if self.selection else ()
        return [
            (
                v.segment.id, place, v.segment.role, v.segment.kind, v.segment.turn, v.segment.tokens, v.fate,
                v.segment.pin or None, v.reason, v.score, v.shares or {},
            )
            for v, place in zip(verdicts, self.places, strict=True)
        ]  # fmt: skip


def describe(row: Sequence[Any]) -> dict[str, Any]:
    """Return a verdict's row with names, numbers rounded."""
    named = dict(zip(ROW, row, strict=True))
    return {
        **named,
        "score": round(named["score"], 4),
        "shares": {name: round(share, 4) for name, share in named["shares"].items()},
    }
