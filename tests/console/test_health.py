"""/-/healthy and /-/ready."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import Answer, ask
from support.console import TOKEN, serve_pages
from support.parts import UnloadableEmbedder
from support.server import Live, serve_with, settings_for
from support.upstream import Upstream, reply


def ready(live: Live, *headers: tuple[str, str]) -> Answer:
    return ask(live.url, "GET", "/-/ready", headers=headers)


def test_ready_when_model_index_and_upstream_are_there(full: Live) -> None:
    answer, end = ready(full), time.monotonic() + 30
    while (
        answer.status != 200 and time.monotonic() < end
    ):  # the model and the index are opened in the background
        time.sleep(0.02)
        answer = ready(full)
    assert (answer.status, answer.json) == (200, {"status": "ready", "problems": []})


def test_an_upstream_that_refuses_is_reachable(quick: Live, upstream: Upstream) -> None:
    upstream.script = reply(401)
    assert ready(quick).status == 200


def test_the_upstream_is_asked_once_however_many_want_to_know(quick: Live, upstream: Upstream) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ready(quick).status, range(40)))
    assert set(found) == {200}
    assert len(upstream.received) <= 1


def test_an_upstream_that_is_away_is_named(upstream: Upstream) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with serve_pages(settings_for(away)) as live:
        answer = ready(live)
        assert answer.status == 503
        assert away in answer.json["problems"][0]
        assert ask(live.url, "GET", "/-/healthy").status == 200


def test_a_model_that_cannot_be_read_is_named(upstream: Upstream) -> None:
    with serve_with(settings_for(upstream.url), UnloadableEmbedder(), InMemory()) as live:
        found = ready(live).json["problems"]
        while "being opened" in found[0]:
            time.sleep(0.02)
            found = ready(live).json["problems"]
        assert "the model file is gone" in found[0]


def test_an_index_folder_that_cannot_be_written_is_named(upstream: Upstream, tmp_path: Path) -> None:
    settings = settings_for(upstream.url, index={"type": "chroma"}, data=tmp_path / "data")
    with serve_pages(settings) as live:
        assert ready(live).status == 200
        (tmp_path / "data" / "chroma").rename(tmp_path / "moved")
        (tmp_path / "data" / "chroma").write_text("in the way")
        assert "cannot be written" in ready(live).json["problems"][0]


def test_reasons_are_for_those_who_may_see_them(upstream: Upstream) -> None:
    with serve_pages(settings_for("http://127.0.0.1:9", admin={"token": TOKEN})) as live:
        assert (ready(live).status, ready(live).json) == (503, {"status": "unready"})
        assert "127.0.0.1:9" in ready(live, ("Authorization", f"Bearer {TOKEN}")).json["problems"][0]
