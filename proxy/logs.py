"""The log: one line a request, as text or JSON, without a word of its messages."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

import orjson

from proxy import config
from proxy.outcome import Outcome

_log = logging.getLogger("foveate.request")


class TextFormatter(logging.Formatter):
    """A record as one line of text; the second that it starts with is written out once."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._second = 0
        self._written = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the local time with milliseconds."""
        second = int(record.created)
        if second != self._second:
            self._second, self._written = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._written},{int(record.msecs):03d}"


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON; the outcome that it carries stands beside its message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        outcome: Outcome | None = getattr(record, "outcome", None)
        row: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **(fields(outcome) if outcome else {}),
        }
        if record.exc_info:
            row["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(row, default=str).decode()


def configure(settings: config.Server) -> None:
    """Send the log to stderr in the format and from the level that the settings name."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    level = settings.log_level.upper()
    # No line names a thread, a process or a place in the code: finding them would cost more than writing the line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("foveate").setLevel(level)


def request_line(outcome: Outcome) -> None:
    """Log how a request ended."""
    if not _log.isEnabledFor(logging.INFO):
        return
    line = (
        f"{outcome.id} {outcome.status} {outcome.result} policy={outcome.policy} "
        f"tokens={outcome.tokens_before}->{outcome.tokens_after} prefix={outcome.tokens_prefix} "
        f"segments={outcome.kept}/{outcome.segments} recalled={outcome.recalled} {outcome.took:.0f} ms"
    )
    # Made by hand: Logger.info looks for the line of code that calls it, which takes longer than all the rest.
    record = logging.LogRecord(_log.name, logging.INFO, "", 0, line, None, None)
    record.outcome = outcome
    _log.handle(record)


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
