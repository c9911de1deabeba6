"""The log: one line a request, as text or JSON, without a word of its messages."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from foveate.proxy.config.schema import ServerSettings
from foveate.proxy.pruning.outcome import Outcome

_log = logging.getLogger("foveate.request")


class TextFormatter(logging.Formatter):
    """A record as one line of text."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the local time with milliseconds."""
        return local(record.created)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        row = head(record.created, record.levelname, record.name, record.getMessage())
        if record.exc_info:
            row["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(row, default=str).decode()


class RequestLog:
    """Writes a line to stderr for each request, past the logging module: its records cost more than all
    that is said.

    It follows the level of the logger `foveate.request`. Lines are written together, `LATE` seconds
    after the first.
    """

    LATE = 0.05

    def __init__(self, log_format: str) -> None:
        self._json = log_format == "json"
        self._lines: list[str] = []

    def observe(self, outcome: Outcome) -> None:
        """Write how a request ended."""
        if not _log.isEnabledFor(logging.INFO):
            return
        caller = f"caller={outcome.caller} " if outcome.caller else ""
        said = (
            f"{outcome.id} {outcome.status} {outcome.result} {caller}api={outcome.api} policy={outcome.policy} "
            f"tokens={outcome.tokens_before}->{outcome.tokens_after} prefix={outcome.tokens_prefix} "
            f"segments={outcome.kept}/{outcome.segments} recalled={outcome.recalled} {outcome.took:.0f} ms"
        )
        now = time.time()
        if self._json:
            line = orjson.dumps({**head(now, "INFO", _log.name, said), **fields(outcome)}).decode()
        else:
            line = f"{local(now)} INFO {_log.name}: {said}"
        if not self._lines:
            asyncio.get_running_loop().call_later(self.LATE, self.close)
        self._lines.append(line + "\n")

    def close(self) -> None:
        """Write what waits."""
        lines, self._lines = self._lines, []
        sys.stderr.write("".join(lines))


def head(created: float, level: str, logger: str, message: str) -> dict[str, Any]:
    """Return what every line of JSON begins with."""
    when = datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")
    return {"time": when, "level": level.lower(), "logger": logger, "message": message}


def local(created: float) -> str:
    """Return the local time with milliseconds."""
    return f"{local_second(int(created))},{int(created % 1 * 1000):03d}"


@lru_cache(maxsize=2)
def local_second(second: int) -> str:
    """Return the local time; many lines share a second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


def configure(settings: ServerSettings) -> None:
    """Send the log to stderr in the format and from the level that the settings name."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    level = settings.log_level.upper()
    # No line names a thread, a process or a place in the code: finding them would cost more than
    # writing the line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("foveate").setLevel(level)


def complain(problem: str) -> None:
    """Say that the settings file cannot be used."""
    logging.getLogger("foveate.config").error(
        "the settings are refused, the earlier ones stay: %s", problem
    )


def fields(outcome: Outcome) -> dict[str, Any]:
    """Return what a machine wants to read of a request."""
    usage = outcome.usage
    return {
        "id": outcome.id,
        "status": outcome.status,
        "result": outcome.result,
        "policy": outcome.policy,
        "api": outcome.api,
        "caller": outcome.caller or None,
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
        "resent": outcome.resent or None,
        "milliseconds": {stage: round(ms, 1) for stage, ms in outcome.milliseconds.items()},
        "first_byte_ms": outcome.first_byte and round(outcome.first_byte, 1),
        "took_ms": round(outcome.took, 1),
    }
