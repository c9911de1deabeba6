"""docs/mistakes.md: what is typed wrongly, and what is said of it. Every row is tried."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from foveate.proxy.cli import main
from foveate.proxy.http.overrides import HEADERS
from support.client import Answer, ask
from support.conversations import body
from support.server import Live
from support.upstream import Upstream

PAGE = (Path(__file__).parent.parent / "docs" / "mistakes.md").read_text()
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)
FILES = {
    "request.json": '{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}',
    "broken.json": '{"messages": [}',
    "completion.json": '{"model": "gpt-4o", "prompt": "hi"}',
}


def rows(heading: str) -> list[tuple[str, str]]:
    """Return what is typed and what is said of it, of one part of the page."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = ROW.findall(part)
    assert len(found) >= 6
    return found


def says(told: str, wanted: str) -> bool:
    """Say whether a message is the one of the page, where ... stands for anything."""
    pattern = ".*".join(re.escape(part) for part in wanted.split("..."))
    return re.search(pattern, " ".join(told.replace("`", "'").split())) is not None


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)


def run(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> int:
    """Run the command in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(("typed", "said"), rows("Variables and the command"))
def test_a_wrong_variable_or_command_is_told(
    typed: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(typed)
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        monkeypatch.setenv(name, value.replace("+", " "))
    assert run(monkeypatch, words) == 2
    told = capsys.readouterr().err
    assert says(told, said), told


@pytest.mark.parametrize(("typed", "said"), rows("config.yaml"))
def test_a_wrong_file_is_told(
    typed: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config.yaml").write_text(typed)
    assert run(monkeypatch, ["foveate", "serve"]) == 2
    told = capsys.readouterr().err
    assert says(told, said), told


@pytest.mark.parametrize(("typed", "said"), rows("Headers"))
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/embeddings"])
def test_a_wrong_header_is_refused_and_nothing_is_sent(
    quick: Live, upstream: Upstream, typed: str, said: str, path: str
) -> None:
    name, _, value = typed.partition(": ")
    answer = sent(quick, path, (name, value))
    assert answer.status == 400
    assert says(answer.json["error"]["message"], said), answer.json
    assert (answer.json.get("type") == "error") is (path == "/v1/messages")  # each API's own shape
    assert not [r for r in upstream.received if r.method == "POST"]


def test_every_header_that_is_ours_is_let_by(quick: Live) -> None:
    values = {
        "x-pruning": "on",
        "x-pruning-policy": "agent",
        "x-pruning-budget": "9000",
        "x-pruning-session": "s",
    }
    for name in HEADERS:
        answer = sent(quick, "/v1/chat/completions", (name, values.get(name, "off")))
        assert answer.status == 200, answer.body


def sent(live: Live, path: str, *headers: tuple[str, str]) -> Answer:
    """Send a request with those headers."""
    import json

    content = json.dumps(body([{"role": "user", "content": "hi"}])).encode()
    return ask(live.url, "POST", path, content, [("Content-Type", "application/json"), *headers])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FOVEATE_SERVICE_HOST", "10.0.0.1"),
        ("FOVEATE_SERVICE_PORT", "80"),
        ("FOVEATE_SERVICE_PORT_HTTP", "80"),
        ("FOVEATE_PORT", "tcp://10.0.0.1:80"),
        ("FOVEATE_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("FOVEATE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("FOVEATE_REDIS_SERVICE_HOST", "10.0.0.2"),
        ("FOVEATE_REDIS_PORT", "tcp://10.0.0.2:6379"),
    ],
)
def test_what_kubernetes_sets_beside_a_service_is_no_mistake(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foveate.proxy.config.loading import load_settings

    monkeypatch.setenv(name, value)
    assert load_settings(None).server.port == 8787


def test_a_secret_that_is_wrong_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config.yaml").write_text("upstream: {api_key: 'Bearer sk-hidden'}")
    assert run(monkeypatch, ["foveate", "serve"]) == 2
    told = capsys.readouterr().err
    assert "upstream.api_key" in told
    assert "sk-hidden" not in told
