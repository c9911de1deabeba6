"""The settings file is followed while the proxy runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from foveate.proxy.app import create_app
from foveate.proxy.services import Services
from foveate.proxy.watcher import Source
from support.client import Answer, ask, chat
from support.console import TOKEN, samples, total
from support.conversations import body, long_chat
from support.server import Live
from support.upstream import WAIT, Gate, Upstream, chat_events, stream


class Followed:
    """A served file of settings."""

    def __init__(self, file: Path, start: dict[str, Any]) -> None:
        self.file = file
        self.start = start

    def write(self, **changed: Any) -> None:
        """Put another state of the file in place at once, as editors do."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(changed.pop("text", None) or yaml.safe_dump({**self.start, **changed}))
        fresh.replace(self.file)

    def serve(self) -> Live:
        source = Source(self.file)
        app = create_app(source.load(), source)
        live = Live(app)
        self.services: Callable[[], Services] = lambda: app.state.services
        return live


@pytest.fixture
def followed(upstream: Upstream, tmp_path: Path) -> Iterator[tuple[Followed, Live]]:
    start = {
        "upstream": {"url": f"{upstream.url}/v1"}, "index": {"type": "in_memory"}, "data": str(tmp_path / "data"),
    }  # fmt: skip
    file = Followed(tmp_path / "config.yaml", start)
    file.write()
    with file.serve() as live:
        yield file, live


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def news(live: Live) -> dict[str, Any]:
    found: dict[str, Any] = ask(live.url, "GET", "/-/outcomes").json["config"]
    return found


def test_a_valid_change_serves_new_requests(
    followed: tuple[Followed, Live], upstream: Upstream
) -> None:
    file, live = followed
    request = body(long_chat(), max_tokens=10)
    assert chat(live.url, request).result == "untouched"
    file.write(
        mode="shadow",
        policies={"mine": {"preset": "balanced"}},
        policy="mine",
        window={"default": 1000},
    )
    until(lambda: news(live)["applied"] == 1)
    answer = chat(live.url, {**request, "model": "unheard-of"})
    assert (answer.result, answer.header("x-pruning-policy")) == ("dry-run", "mine")
    assert total(samples(live.url), "foveate_config_reloads_total", result="applied") == 1
    assert len(ask(live.url, "GET", "/-/outcomes").json["outcomes"]) == 2  # nothing was forgotten


def test_an_invalid_change_is_refused_with_the_reason(
    followed: tuple[Followed, Live], caplog: pytest.LogCaptureFixture
) -> None:
    file, live = followed
    file.write(text="mode: [on\n")
    until(lambda: news(live)["problem"] != "")
    file.write(budget={"high": 0.2, "low": 0.9})
    until(lambda: "low (0.9) is above high" in news(live)["problem"])
    assert chat(live.url, body(long_chat(2))).status == 200
    assert total(samples(live.url), "foveate_config_reloads_total", result="refused") == 2
    assert any("refused" in r.message and "low (0.9)" in r.message for r in caplog.records)
    file.write()
    until(lambda: news(live)["problem"] == "")


def test_a_request_under_way_finishes_with_what_it_began_with(
    followed: tuple[Followed, Live], upstream: Upstream
) -> None:
    file, live = followed
    gate = Gate()
    upstream.script = stream(chat_events(["a", "b", "c"]), gates={2: gate})
    answers: list[Answer] = []
    thread = threading.Thread(
        target=lambda: answers.append(chat(live.url, body(long_chat(2), stream=True)))
    )
    thread.start()
    until(lambda: news(live) is not None and bool(ask(live.url, "GET", "/-/outcomes").json["underway"]))
    old = file.services().parts
    other = {"url": f"{upstream.url}/v1", "read_timeout": 33}
    file.write(upstream=other)
    until(lambda: news(live)["applied"] == 1)
    assert file.services().parts.upstream is not old.upstream
    gate.open()
    thread.join(WAIT)
    assert answers[0].status == 200
    assert answers[0].body == b"".join(chat_events(["a", "b", "c"]))
    assert chat(live.url, body(long_chat(2))).status == 200


def test_what_did_not_change_is_kept_open(followed: tuple[Followed, Live]) -> None:
    file, live = followed
    old = file.services().parts
    file.write(budget={"high": 0.5, "low": 0.3}, cache={"max_mib": 1}, recent={"max_outcomes": 1})
    until(lambda: news(live)["applied"] == 1)
    new = file.services().parts
    for part in ("upstream", "histories", "memory", "cache", "recent", "metrics"):
        assert getattr(new, part) is getattr(old, part), part
    assert new.cache.max_bytes == 1024 * 1024
    assert news(live)["waiting"] == ""
    for _ in range(2):
        chat(live.url, body(long_chat(1)))
    assert len(new.recent) == 1


def test_another_model_is_opened_before_it_serves(followed: tuple[Followed, Live]) -> None:
    file, live = followed
    old = file.services().parts
    file.write(embedder={"threads": 2})
    until(lambda: news(live)["applied"] == 1)
    assert file.services().parts.histories is not old.histories
    assert file.services().parts.histories.problems() == []
    file.write(embedder={"model": "/nowhere/model.onnx"})
    until(lambda: "/nowhere/model.onnx" in news(live)["problem"])
    assert chat(live.url, body(long_chat()), budget="500").result == "cut"


def test_what_needs_a_restart_says_so(followed: tuple[Followed, Live]) -> None:
    file, live = followed
    on_disk = file.services().settings.recent.on_disk
    file.write(
        server={"port": 1, "log_level": "debug"},
        data="/elsewhere",
        recent={"on_disk": not on_disk},
    )
    until(lambda: news(live)["applied"] == 1)
    server = file.services().settings.server
    assert news(live)["waiting"] == ("server.port, recent.on_disk, data will change with a restart")
    assert file.services().settings.recent.on_disk == on_disk
    assert (server.port, server.log_level) == (8787, "debug")


def test_a_token_takes_hold_at_once(followed: tuple[Followed, Live]) -> None:
    file, live = followed
    file.write(admin={"token": TOKEN})
    until(lambda: ask(live.url, "GET", "/-/outcomes").status == 401)


def test_a_file_that_is_gone_for_a_moment_changes_nothing(followed: tuple[Followed, Live]) -> None:
    file, live = followed
    file.file.unlink()
    time.sleep(1.3)
    assert chat(live.url, body(long_chat(1))).status == 200
    assert news(live)["problem"] == ""
    file.write(mode="off")
    until(lambda: news(live)["applied"] == 1)
    assert chat(live.url, body(long_chat(1))).result == "off"
