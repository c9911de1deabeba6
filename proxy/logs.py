"""The log: one line a request, as text or JSON, without a word of its messages."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import orjson

from proxy import config
from proxy.outcome import Outcome

_log = logging.getLogger("foveate.request")


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; what it carries as `fields` stands beside its message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        row: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            row["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(row, default=str).decode()


def configure(settings: config.Server) -> None:
    """Send the log to stderr in the format and from the level that the settings name."""
    handler = logging.StreamHandler()
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else plain)
    level = settings.log_level.upper()
    # No line names a thread, a process or a place in the code: finding them would cost more than writing the line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("foveate").setLevel(level)


def request_line(outcome: Outcome) -> None:
    """Log how a request ended."""
    if not _log.isEnabledFor(logging.INFO):
        return
    _log.info(
        "%s %d %s policy=%s tokens=%s->%s prefix=%d segments=%d/%d recalled=%d %.0f ms",
        outcome.id, outcome.status, outcome.result, outcome.policy, outcome.tokens_before, outcome.tokens_after,
        outcome.tokens_prefix, outcome.kept, outcome.segments, outcome.recalled, outcome.took,
        extra={"fields": fields(outcome)},
    )  # fmt: skip


def fields(outcome: Outcome) -> dict[str, Any]:
    """Return what a machine wants to read of a request."""
    usage = outcome.usage
    return {
        "id": outcome.id,
        "status": outcome.status,
        "result": outcome.result,
        "policy": outcome.policy,
        "model": outcome.model,
        "tokens_before": outcome.tokens_before,
        "tokens_after": outcome.tokens_after,
        "tokens_prefix": outcome.tokens_prefix,
        "tokens_prompt": usage and usage.prompt_tokens,
        "tokens_cached": usage and usage.cached_tokens,
        "segments": outcome.segments,
        "kept": outcome.kept,
        "dropped": outcome.dropped,
        "recalled": outcome.recalled,
        "failure": outcome.failure or None,
        "resent": outcome.resent,
        "milliseconds": {stage: round(ms, 1) for stage, ms in outcome.milliseconds.items()},
        "first_byte_ms": outcome.first_byte and round(outcome.first_byte, 1),
        "took_ms": round(outcome.took, 1),
    }
