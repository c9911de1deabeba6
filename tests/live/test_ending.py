"""How it ends, and how it is told to read its settings: by signals, to a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import pty
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.client import ask, chat, connect
from support.conversations import body
from support.process import COMMAND, ROOT, Serving
from support.upstream import Gate, Upstream, hang, stream, until

CHUNKS = [b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"]
HI = [{"role": "user", "content": "hi"}]


def settings(upstream: Upstream, server: str = "") -> str:
    return (
        f"upstream: {{url: '{upstream.url}/v1'}}\nwindow: {{models: {{gpt-4o: 128000}}}}\n"
        f"index: {{type: in_memory}}\nserver: {{log_level: info{server}}}\n"
    )


@pytest.fixture
def serving(upstream: Upstream, tmp_path: Path) -> Iterator[Serving]:
    with Serving(tmp_path, settings(upstream)) as started:
        yield started


def streaming(url: str) -> http.client.HTTPResponse:
    """Begin a streamed request and return its answer's head."""
    connection = connect(url)
    content = json.dumps({**body(HI), "stream": True})
    connection.request("POST", "/v1/chat/completions", content, {"Content-Type": "application/json"})
    return connection.getresponse()


def refuses(url: str) -> bool:
    try:
        ask(url, "GET", "/-/healthy")
    except OSError:
        return True
    return False


def test_a_stream_under_way_is_served_to_its_end_and_nothing_new_is_taken(
    serving: Serving, upstream: Upstream
) -> None:
    gate = Gate()
    upstream.script = stream(CHUNKS, {1: gate})
    answer = streaming(serving.url)
    assert answer.read1() == CHUNKS[0]
    serving.send(signal.SIGTERM)
    until(lambda: refuses(serving.url))
    gate.open()
    assert answer.read() == b"".join(CHUNKS[1:])
    assert serving.wait() in (0, -signal.SIGTERM)
    assert re.search(r"told to end: \d requests under way have 30 seconds", serving.said)


def test_what_does_not_end_in_time_is_cut_off_and_named(upstream: Upstream, tmp_path: Path) -> None:
    with Serving(tmp_path, settings(upstream, ", drain: 0.5")) as serving:
        upstream.script = hang(CHUNKS[:1])
        answer = streaming(serving.url)
        key = answer.getheader("x-pruning-id")
        assert answer.read1() == CHUNKS[0]
        serving.send(signal.SIGTERM)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()
        serving.wait()
        assert f"0.5 seconds are over: cut off 1 requests: {key}" in serving.said
        assert "Traceback" not in serving.said


def test_readiness_goes_ahead_of_the_door(upstream: Upstream, tmp_path: Path) -> None:
    with Serving(tmp_path, settings(upstream, ", notice: 60")) as serving:
        until(lambda: ask(serving.url, "GET", "/-/ready").status == 200)
        serving.send(signal.SIGTERM)
        until(lambda: ask(serving.url, "GET", "/-/ready").status == 503)
        assert ask(serving.url, "GET", "/-/ready").json["problems"] == ["it has been told to end"]
        assert chat(serving.url, body(HI)).status == 200
        assert ask(serving.url, "GET", "/-/healthy").status == 200
        serving.send(signal.SIGTERM)
        serving.wait()


def test_a_hang_up_has_the_settings_read_and_cuts_no_stream(
    serving: Serving, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    upstream.script = stream(CHUNKS, {1: gate})
    answer = streaming(serving.url)
    assert answer.read1() == CHUNKS[0]
    serving.send(signal.SIGHUP)
    until(lambda: "the changed settings serve new requests" in serving.said)
    serving.configure(settings(upstream) + "mode: 'off'\n")
    serving.send(signal.SIGHUP)
    upstream_script, upstream.script = upstream.script, stream(CHUNKS)
    until(lambda: chat(serving.url, body(HI)).result == "off")
    upstream.script = upstream_script
    gate.open()
    assert answer.read() == b"".join(CHUNKS[1:])


@pytest.mark.skipif(sys.platform != "linux", reason="terminals are made as Linux makes them")
def test_a_terminal_that_closes_ends_it(upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(settings(upstream))
    child, terminal = pty.fork()
    if not child:
        os.chdir(tmp_path)
        environment = {**os.environ, "PYTHONPATH": str(ROOT / ".package"), "HOME": str(tmp_path)}
        os.execve(COMMAND[0], [*COMMAND, "serve", "--port", "0"], environment)
    said: list[bytes] = []
    reading = threading.Thread(target=lambda: said.append(os.read(terminal, 65536)), daemon=True)
    while b"foveate listens on" not in b"".join(said):
        reading = threading.Thread(target=lambda: said.append(os.read(terminal, 65536)), daemon=True)
        reading.start()
        reading.join(15)
        assert said
    time.sleep(0.3)
    os.close(terminal)
    deadline = time.monotonic() + 15
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline
        time.sleep(0.05)
