"""The log: one line a request, no message text, in two formats."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from foveate.proxy.observers import logs
from support.client import Answer, chat
from support.console import serve_pages
from support.conversations import body, long_chat
from support.server import settings_for
from support.upstream import Upstream, until


def lines_of_a_request(
    upstream: Upstream, capsys: pytest.CaptureFixture[str], **server: Any
) -> tuple[Answer, list[str]]:
    """Return the answer to a request that is cut, and what the log says of it."""
    with serve_pages(settings_for(upstream.url, server=server)) as live:
        answer = chat(live.url, body(long_chat()), budget="1000/500", key="sk-hidden")
        until(lambda: live.services.parts.recent.get(str(answer.header("x-pruning-id"))))
    return answer, [line for line in capsys.readouterr().err.splitlines() if "foveate.request" in line]


def test_a_request_is_one_line_of_text(
    upstream: Upstream, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, "foveate")
    answer, lines = lines_of_a_request(upstream, capsys)
    assert len(lines) == 1
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO foveate\.request: prn-", lines[0])
    for told in (str(answer.header("x-pruning-id")), " 200 cut api=chat policy=balanced tokens="):
        assert told in lines[0]


def test_a_request_is_not_logged_above_its_level(
    upstream: Upstream, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.WARNING, "foveate")
    assert lines_of_a_request(upstream, capsys)[1] == []


def test_a_request_is_one_line_of_json_without_its_text(
    upstream: Upstream, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, "foveate")
    answer, lines = lines_of_a_request(upstream, capsys, log_format="json")
    assert len(lines) == 1
    row = json.loads(lines[0])
    assert (row["id"], row["status"], row["result"]) == (answer.header("x-pruning-id"), 200, "cut")
    assert (row["tokens_before"], row["tokens_after"]) == tuple(
        int(answer.header(f"x-pruning-tokens-{when}") or 0) for when in ("before", "after")
    )
    assert {
        "level",
        "time",
        "model",
        "policy",
        "took_ms",
        "first_byte_ms",
        "tokens_cached",
    } <= row.keys()
    for hidden in ("bridge", "Vienna", "sk-hidden"):
        assert hidden not in lines[0]


def test_an_exception_stays_on_its_line() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, "f", 1, "failed: %s", ("why",), __import__("sys").exc_info()
        )
    line = logs.JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "failed: why"
    assert "ValueError" in json.loads(line)["exception"]
