"""A change of the settings file that cannot be meant is refused, whatever it is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foveate.proxy import services
from foveate.proxy.config.loading import load_settings
from foveate.proxy.errors import ConfigError
from foveate.proxy.watcher import Source, Watcher, check_change

GOOD = "upstream: {url: 'http://127.0.0.1:9/v1'}\nindex: {type: in_memory}\n"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "policy: 2024-13-45\n",
        "state: {type: redis, url: 'localhost:6379'}\n",
        "a: &a [*a]\n",
        "\x00",
        "mode: on",
    ],
)
async def test_a_bad_change_is_refused_and_the_next_good_one_applied(tmp_path: Path, bad: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(GOOD)
    source = Source(file, {"data": str(tmp_path)})
    built = services.build(source.load())
    state: Any = SimpleNamespace(services=built)
    watcher = Watcher(state, source)
    built.start()
    try:
        file.write_text(GOOD + bad if bad.startswith(("policy", "state")) else bad)
        await watcher._survived(asyncio.create_task(watcher.reload()))
        assert state.services is built
        assert (built.parts.reloads.refused, bool(built.parts.reloads.problem)) == (1, True)
        file.write_text(f"mode: shadow\n{GOOD}")
        await watcher._survived(asyncio.create_task(watcher.reload()))
        assert state.services.settings.mode == "shadow"
    finally:
        await state.services.aclose()


async def test_an_emptied_file_is_refused_whatever_the_upstream_is(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("mode: shadow\nindex: {type: in_memory}\n")
    source = Source(file, {"data": str(tmp_path)})
    built = services.build(source.load())
    state: Any = SimpleNamespace(services=built)
    built.start()
    try:
        file.write_text("")
        await Watcher(state, source).reload()
        assert state.services is built
        assert "is empty" in built.parts.reloads.problem
    finally:
        await state.services.aclose()


def test_a_change_may_not_turn_requests_to_the_default_upstream() -> None:
    running = load_settings(None, {"upstream": {"url": "http://127.0.0.1:9/v1"}})
    with pytest.raises(ConfigError, match="upstream"):
        check_change(load_settings(None, {}), running)
    check_change(load_settings(None, {"upstream": {"url": "http://127.0.0.1:10/v1"}}), running)
    check_change(load_settings(None, {}), load_settings(None, {}))
