"""What is measured: processes on loopback, started and ended here, or an address given."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.speed import bodies

NGINX = """daemon off; worker_processes 1; pid {run}/nginx.pid; error_log {run}/nginx.err warn;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000000;
 client_max_body_size 64m; client_body_buffer_size 1m; client_body_temp_path {run}/body;
 proxy_temp_path {run}/proxy; fastcgi_temp_path {run}/f; uwsgi_temp_path {run}/u; scgi_temp_path {run}/s;
 upstream mock {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}
 server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://mock; proxy_http_version 1.1;
  proxy_set_header Connection ""; proxy_buffering off; }} }} }}
"""
LITELLM = """model_list:
  - model_name: gpt-4o-mini
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{upstream}/v1", api_key: sk-none}}
litellm_settings: {{telemetry: false, request_timeout: 600}}
general_settings: {{master_key: {key}}}
"""
KEY = "sk-" + "0123456789abcdef" * 4  # LiteLLM does not start without a long one; the others pass it on
FOVEATE = """mode: "on"
data: {run}/data
upstream: {{type: http, url: "{upstream}/v1"}}
server: {{port: {port}}}
"""


@dataclass
class Target:
    """Something to send requests to."""

    name: str
    url: str
    process: subprocess.Popen[bytes] | None = None  # None for what runs already
    startup: float = 0.0  # seconds from the start to the first answer
    headers: dict[str, str] = field(default_factory=lambda: {"authorization": f"Bearer {KEY}"})

    def cpu(self) -> float:
        """Return CPU seconds spent so far, children included; 0 where that cannot be known."""
        return sum(cpu_of(pid) for pid in self._pids())

    def resident(self) -> float:
        """Return resident MiB, children included."""
        return sum(resident_of(pid) for pid in self._pids())

    def _pids(self) -> list[int]:
        return family(self.process.pid) if self.process else []

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()


def family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found.extend(int(child) for child in task.read_text().split())
    return found


def cpu_of(pid: int) -> float:
    spent = 0.0
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            spent += int((task / "schedstat").read_text().split()[0]) / 1e9
        except OSError:  # the thread has just ended
            continue
    return spent


def resident_of(pid: int) -> float:
    try:
        rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(row.split()[1]) / 1024 for row in rows if row.startswith("VmRSS"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(
    name: str, command: list[str], url: str, log: Path, env: Mapping[str, str] | None = None
) -> Target:
    """Start a process; return once it has answered a chat completion."""
    begun = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **(env or {})})
    target = Target(name, url, process)
    while not answers(target):
        if process.poll() is not None or time.monotonic() - begun > 60:
            target.stop()
            raise RuntimeError(f"{name} does not answer; its output is in {log}")
        time.sleep(0.01)
    target.startup = time.monotonic() - begun
    return target


def answers(target: Target) -> bool:
    headers = {"content-type": "application/json", **target.headers}
    request = urllib.request.Request(f"{target.url}/v1/chat/completions", bodies.small(), headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=30
        ) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def mock(run: Path) -> Target:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.speed.mock", str(port)]
    return start("direct", command, f"http://127.0.0.1:{port}", run / "mock.log")


def foveate(run: Path, upstream: str) -> Target:
    command = [sys.executable, "-c", "from foveate.proxy.cli import main; main()", "serve", "--config"]
    return configured(run, upstream, "foveate", command)


def probed(run: Path, upstream: str) -> Target:
    return configured(run, upstream, "probed", [sys.executable, "-m", "benchmarks.speed.probed"])


def configured(run: Path, upstream: str, name: str, command: list[str]) -> Target:
    port = free_port()
    config = run / f"{name}.yaml"
    config.write_text(FOVEATE.format(run=run / name, upstream=upstream, port=port))
    return start(name, [*command, str(config)], f"http://127.0.0.1:{port}", run / f"{name}.log")


def bare(run: Path, upstream: str, ahead: Sequence[str] = (), more: Sequence[str] = ()) -> Target:
    port = free_port()
    options = ["--port", str(port), "--no-access-log", "--log-level", "warning", "--loop", "uvloop"]
    command = [
        *ahead,
        sys.executable,
        "-m",
        "uvicorn",
        "benchmarks.speed.bare:app",
        "--http",
        "httptools",
        *options,
        *more,
    ]
    return start("bare", command, f"http://127.0.0.1:{port}", run / "bare.log", {"UPSTREAM": upstream})


def nginx(run: Path, upstream: str) -> Target | None:
    found = shutil.which("nginx")
    if not found:
        return None
    port = free_port()
    config = run / "nginx.conf"
    config.write_text(NGINX.format(run=run, upstream=upstream.removeprefix("http://"), port=port))
    return start(
        "nginx",
        [found, "-p", str(run), "-c", str(config)],
        f"http://127.0.0.1:{port}",
        run / "nginx.log",
    )


def litellm(run: Path, upstream: str) -> Target | None:
    found = os.environ.get("LITELLM", "") or shutil.which("litellm")
    if not found:
        return None
    port = free_port()
    config = run / "litellm.yaml"
    config.write_text(LITELLM.format(upstream=upstream, key=KEY))
    command = [found, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}
    return start("litellm", command, f"http://127.0.0.1:{port}", run / "litellm.log", env)


def fill(folder: Path, count: int) -> None:
    """Put so many random vectors into an index, in a process of its own."""
    script = (
        "import sys, time; import numpy as np; from pathlib import Path;"
        "from foveate.proxy.vectors.indexes import Entry;"
        "from foveate.proxy.vectors.indexes.chroma import Chroma; folder, n = Path(sys.argv[1]), int(sys.argv[2]);"
        "folder.mkdir(parents=True, exist_ok=True); index = Chroma('minilm-w8a8', folder); index.open();"
        "v = np.random.default_rng(7).normal(size=(n, 384)).astype(np.float32);"
        "v /= np.linalg.norm(v, axis=1, keepdims=True);"
        "e = [Entry(f'{i:032x}', v[i], int(time.time())) for i in range(n)];"
        "[index.upsert('t', e[i:i + 500]) for i in range(0, n, 500)]; index.close()"
    )
    subprocess.run([sys.executable, "-c", script, str(folder), str(count)], check=True)
