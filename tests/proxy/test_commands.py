"""The commands that set foveate up and look at a running one."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from foveate.proxy.cli import main
from foveate.proxy.config.loading import load_settings
from foveate.proxy.setup.first import KINDS
from support.client import chat
from support.console import TOKEN, serve_pages
from support.conversations import body, long_chat
from support.server import Live, settings_for
from support.upstream import Upstream, reply_json

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in an empty folder; returns its exit code and all that it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["foveate", *words])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize("upstream", [*KINDS, "http://gpu:9000/v1"])
def test_init_writes_settings_that_work(run: Run, tmp_path: Path, upstream: str) -> None:
    code, said = run("init", "--upstream", upstream, "--port", "9123")
    assert code == 0
    assert "foveate serve" in said
    assert "127.0.0.1:9123" in said
    settings = load_settings(tmp_path / "config.yaml")
    assert settings.server.port == 9123
    wanted = {"litellm": "litellm", "echo": "echo"}.get(upstream, "http")
    assert settings.upstream.type == wanted
    if "://" in upstream:
        assert settings.upstream.url == upstream


def test_init_writes_over_nothing_unless_it_is_told_to(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("mode: off\n")
    code, said = run("init")
    assert code == 2
    assert "--force" in said
    assert (tmp_path / "config.yaml").read_text() == "mode: off\n"
    assert run("init", "--force")[0] == 0
    code, said = run("init", "--upstream", "ollma", "--output", "other.yaml")
    assert (code, "did you mean ollama?" in said) == (2, True)


def test_doctor_finds_all_well(run: Run, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "config.yaml").write_text(
        f"upstream: {{type: echo}}\nserver: {{port: {port}}}\nindex: {{type: in_memory}}\n"
    )
    code, said = run("doctor", "--model", "gpt-4o")
    assert code == 0, said
    for part in (
        "settings",
        "data",
        "port",
        "upstream",
        "key",
        "window",
        "embedder",
        "index",
        "state",
        "dry run",
    ):
        assert any(line.startswith(("✓", "!")) and part in line for line in said.splitlines()), part
    assert "gpt-4o takes 128,000 tokens, says litellm" in said
    assert "7,169 tokens pruned to 2,9" in said


def test_doctor_says_what_is_wrong_and_how_to_mend_it(run: Run, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "config.yaml").write_text(
            f"upstream: {{url: 'http://127.0.0.1:9/v1'}}\nserver: {{port: {port}}}\n"
            "embedder: {model: nothing.npz}\nindex: {type: in_memory}\n"
        )
        code, said = run("doctor", "--model", "nobody-knows")
    assert code == 1
    wrong = [line.split()[1] for line in said.splitlines() if line.startswith("✗")]
    assert {"port", "upstream"} <= set(wrong)
    assert "another server.port" in said
    assert 'window: {models: {"nobody-knows": TOKENS}}' in said
    assert "nothing.npz" in said


@pytest.mark.parametrize(
    ("status", "key", "told"),
    [
        (200, "sk-good", "✓ key"),
        (401, "sk-bad", "✗ key       the key is refused (401)"),
        (401, "", "! key       the upstream wants a key (401)"),
        (404, "sk-any", "! key       cannot be told"),
    ],
)
def test_doctor_tries_the_key(
    run: Run, tmp_path: Path, upstream: Upstream, status: int, key: str, told: str
) -> None:
    upstream.script = reply_json({"data": []}, status=status)
    (tmp_path / "config.yaml").write_text(
        f"upstream: {{url: '{upstream.url}/v1'}}\nserver: {{port: {free_port()}}}\n"
        "index: {type: in_memory}\nstate: {type: in_memory}\n"
    )
    _, said = run("doctor", *(["--key", key] if key else []))
    assert told in said, said
    sent = [r.header("authorization") for r in upstream.received if r.target == "/v1/models"]
    assert sent[0] == (f"Bearer {key}" if key else None)
    assert key not in said or not key


def test_doctor_asks_the_vendor_whose_key_it_has(
    run: Run, tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.script = reply_json({"data": []})
    (tmp_path / "config.yaml").write_text(
        f"upstream: {{url: 'http://127.0.0.1:9/v1', anthropic_url: '{upstream.url}'}}\n"
        f"server: {{port: {free_port()}}}\nindex: {{type: in_memory}}\nstate: {{type: in_memory}}\n"
    )
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-mine")
    _, said = run("doctor")
    assert f"{upstream.url} answers" in said
    asked = next(r for r in upstream.received if r.target == "/v1/models")
    assert (asked.header("x-api-key"), asked.header("authorization")) == ("sk-ant-mine", None)


def test_doctor_says_what_serve_would_refuse(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        f"upstream: {{type: echo}}\nserver: {{host: 0.0.0.0, port: {free_port()}}}\n"
        "index: {type: in_memory}\n"
    )
    code, said = run("doctor")
    assert code == 1
    assert "✗ settings" in said
    assert "admin.token" in said


def test_tail_and_stats_show_a_running_servers_requests(run: Run, quick: Live) -> None:
    chat(quick.url, body(long_chat()), budget="1000/500")
    code, said = run("tail", "--url", quick.url, "--no-follow", "-n", "1")
    assert code == 0
    [line] = [each for each in said.splitlines() if " saved " in each]
    for word in ("cut", "gpt-4o", "tokens", "prn-"):
        assert word in line
    _, said = run("tail", "--url", f"{quick.url}/-/", "--no-follow", "-n", "1", "--json")
    assert json.loads(printed(said))["result"] == "cut"
    _, said = run("stats", "--url", quick.url)
    assert "tokens before" in said
    _, said = run("stats", "--url", quick.url, "--json")
    assert json.loads(printed(said))["requests"] >= 1


def printed(said: str) -> str:
    """Return the line of JSON among what was said, beside what servers have logged."""
    return next(line for line in said.splitlines() if line.startswith("{"))


def test_a_server_that_is_not_there_or_wants_a_token_is_said(run: Run, upstream: Upstream) -> None:
    code, said = run("stats", "--url", f"http://127.0.0.1:{free_port()}")
    assert code == 2
    assert "foveate serve" in said
    with serve_pages(settings_for(upstream.url, admin={"token": TOKEN})) as live:
        code, said = run("stats", "--url", live.url)
        assert code == 2
        assert "admin token" in said
        assert run("stats", "--url", live.url, "--token", TOKEN)[0] == 0


def test_version_and_completion(run: Run) -> None:
    code, said = run("--version")
    assert code == 0
    assert said.startswith("foveate")
    code, said = run("--help")
    assert "--install-completion" in said
    for command in ("init", "doctor", "tail", "stats", "serve", "explain"):
        assert command in said
