"""The command, as a user runs it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.client import ask, chat
from support.conversations import body, long_chat
from support.upstream import Upstream

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-c", "from foveate.proxy.cli import main; main()"]


def environment(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / ".package"),
        "HOME": str(home),
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "200",
    }


def run(folder: Path, *given: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; one that serves when it should not is ended, and fails its test."""
    return subprocess.run(
        [*COMMAND, *given],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def fails_in_one_line(done: subprocess.CompletedProcess[str], *told: str) -> None:
    assert done.returncode not in (0, None)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("foveate: ")
    for word in told:
        assert word in lines[0]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        fails_in_one_line(
            run(tmp_path, "serve", "--port", port, "--data", str(tmp_path / "d")), port, "--port"
        )


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    fails_in_one_line(
        run(tmp_path, "serve", "--host", "192.0.2.1", "--port", "0", "--data", str(tmp_path / "d")),
        "192.0.2.1",
        "--host",
    )


@pytest.mark.parametrize("text", ["colour: red", "server: {port: x}", "[1"])
def test_a_wrong_settings_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    fails_in_one_line(run(tmp_path, "serve", "--config", "mine.yaml"), "mine.yaml")
    fails_in_one_line(run(tmp_path, "check", "mine.yaml"), "mine.yaml")


def test_check_prints_the_settings_that_follow(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("server: {port: 4321}\nupstream: {api_key: sk-hidden}\n")
    done = run(tmp_path, "check", "mine.yaml")
    assert done.returncode == 0, done.stderr
    assert "port: 4321" in done.stdout
    assert "sk-hidden" not in done.stdout
    again = tmp_path / "printed.yaml"
    again.write_text(re.sub(r"api_key: .*", "api_key: ''", done.stdout))
    assert run(tmp_path, "check", str(again)).returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        "index: {type: milvus}",
        "state: {type: memcached}",
        "embedder: {type: word2vec}",
        "upstream: {type: ollama}",
        "embedder: {options: {colour: red}}",
        f"callers: {{named: {{a: {{keys: ['sha256:{'0' * 64}'], policies: [nope]}}}}}}",
    ],
)
def test_check_refuses_what_serve_would(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    named = text.partition(":")[0]
    fails_in_one_line(run(tmp_path, "check", "mine.yaml"), named)
    fails_in_one_line(run(tmp_path, "serve", "--config", "mine.yaml"), named)


def test_help_names_the_commands(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    for word in ("serve", "check", "demo"):
        assert word in done.stdout


def serving(folder: Path, *given: str) -> tuple[subprocess.Popen[str], str, str]:
    """Start serving; return the process, its first line and its address."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *given],
        cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout
    line = next(line for line in process.stdout if line.startswith("foveate listens on"))
    found = re.search(r"http://[\d.]+:\d+", line)
    assert found, line
    return process, line, found[0]


def test_serve_says_in_one_line_where_it_listens_and_forwards(
    upstream: Upstream, tmp_path: Path
) -> None:
    process, line, address = serving(
        tmp_path, "--upstream", f"{upstream.url}/v1", "--data", str(tmp_path / "data")
    )
    try:
        assert f"{upstream.url}/v1" in line
        assert f"OPENAI_BASE_URL={address}/v1" in line
        assert ask(address, "GET", "/-/healthy").status == 200
        answer = chat(address, body([{"role": "user", "content": "hi"}]))
        assert (answer.status, answer.result) == (200, "untouched")
        assert any(r.method == "POST" for r in upstream.received)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) is not None
    assert (tmp_path / "data" / "chroma" / "chroma.sqlite3").is_file()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("embedder: {model: /no/such/model.onnx}", "embedder.model /no/such/model.onnx: No such file"),
        ("embedder: {model: model.onnx}", "embedder.model is no file of weights"),
        (
            "data: model.onnx\nstate: {type: in_memory}",
            "the Chroma index at model.onnx/chroma cannot be opened",
        ),
    ],
    ids=["model missing", "another model", "data folder is a file"],
)
def test_what_cannot_be_opened_is_told_and_done_without(
    tmp_path: Path, settings: str, told: str
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    data = "" if "data" in settings else "data: d\n"
    (tmp_path / "config.yaml").write_text(f"upstream: {{type: echo}}\n{data}{settings}\n")
    process, _, address = serving(tmp_path)
    try:
        answer = chat(address, body(long_chat()), budget="1000/500")
        assert (answer.status, answer.result) == (200, "cut")
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=30)
    assert said.count(told) == 1, said
    assert "Traceback" not in said


def test_serve_reads_the_settings_file_in_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "upstream: {type: echo}\nindex: {type: in_memory}\nmode: off\n"
    )
    process, line, address = serving(tmp_path)
    try:
        assert "echo" in line
        answer = chat(address, body([{"role": "user", "content": "hi"}]))
        assert (answer.status, answer.result) == (200, "off")
    finally:
        process.terminate()
        process.wait(30)


def test_the_installed_command_is_there() -> None:
    command = shutil.which("foveate", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("foveate is not installed beside this Python; the tests run it as a module")
    assert (
        subprocess.run([command, "--help"], capture_output=True, timeout=60, check=False).returncode
        == 0
    )
