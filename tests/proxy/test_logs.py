"""The log: one line a request, no message text, in two formats."""

from __future__ import annotations

import json
import logging

import pytest
from support.client import chat
from support.console import serve_pages
from support.conversations import body, long_chat
from support.server import settings_for
from support.upstream import Upstream

from proxy import logs


def test_a_request_is_one_line_of_json_without_its_text(upstream: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "foveate"), serve_pages(settings_for(upstream.url)) as live:
        answer = chat(live.url, body(long_chat()), budget="1000/500", key="sk-hidden")
    lines = [logs.JsonFormatter().format(r) for r in caplog.records if r.name == "foveate.request"]
    assert len(lines) == 1
    assert "\n" not in lines[0]
    row = json.loads(lines[0])
    assert (row["id"], row["status"], row["result"]) == (answer.header("x-pruning-id"), 200, "cut")
    assert (row["tokens_before"], row["tokens_after"]) == tuple(
        int(answer.header(f"x-pruning-tokens-{when}") or 0) for when in ("before", "after")
    )
    assert {"level", "time", "model", "policy", "took_ms", "first_byte_ms", "tokens_cached"} <= row.keys()
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
