"""docs/deploy/: every file can be read, names what there is, and is run as far as a machine without containers can."""

from __future__ import annotations

import configparser
import http.client
import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi import FastAPI

from foveate.proxy.config.loading import check_access, load_settings
from foveate.proxy.config.schema import Settings
from foveate.proxy.config.variables import leads_somewhere
from foveate.proxy.errors import ConfigError
from foveate.proxy.pages import routes
from support.client import ask, connect
from support.conversations import body
from support.process import COMMAND, ROOT, Serving
from support.upstream import Gate, Upstream, stream, until

DEPLOY = ROOT / "docs" / "deploy"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")  # nginx's own folders
MISSING = ("litellm", "chromadb", "kubernetes", "onnx", "openai")
CHUNKS = [b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"]


def loaded(text: str, tmp_path: Path, **more: Any) -> Settings:
    """Settings of a file that is written so, with the token that the environment would give."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load_settings(path, {"admin": {"token": "t"}, **more})


def pages() -> set[str]:
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(routes.router)
    return set(app.openapi()["paths"])


def kinds() -> dict[str, Any]:
    """The objects of the manifest, by kind."""
    return {each["kind"]: each for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


@pytest.mark.parametrize(
    "text",
    [
        (DEPLOY / "foveate.yaml").read_text(),
        next(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))["data"]["config.yaml"],
    ],
    ids=["compose", "kubernetes"],
)
def test_settings_are_real_and_open_no_relay(text: str, tmp_path: Path) -> None:
    check_access(loaded(text, tmp_path))
    with pytest.raises(ConfigError, match=r"callers\.named is empty"):
        check_access(loaded(text, tmp_path, upstream={"api_key": "sk"}))


def test_compose_names_what_there_is() -> None:
    services = compose()["services"]
    foveate = services["foveate"]
    assert all(leads_somewhere(name) for name in foveate["environment"])
    assert foveate["read_only"] is True
    assert set(foveate["depends_on"]) <= services.keys()
    for service in services.values():
        for mount in service.get("volumes", []):
            if mount.startswith("."):
                assert (DEPLOY / mount.split(":")[0]).resolve().is_file()
    assert int(foveate["stop_grace_period"].removesuffix("s")) > Settings().server.drain
    (scraped,) = yaml.safe_load(compose()["configs"]["prometheus"]["content"])["scrape_configs"]
    assert scraped["metrics_path"] in pages()
    for name in ("datasource", "dashboards"):
        assert yaml.safe_load(compose()["configs"][name]["content"])["apiVersion"] == 1
    json.loads((ROOT / "proxy/pages/grafana.json").read_text())


def test_the_manifest_probes_pages_and_waits_for_the_drain(tmp_path: Path) -> None:
    found = kinds()
    settings = loaded(found["ConfigMap"]["data"]["config.yaml"], tmp_path).server
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] in pages()
    assert pod["terminationGracePeriodSeconds"] > settings.drain + settings.notice
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["ports"][0]["containerPort"] == Settings().server.port
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        found["Service"]["spec"]["selector"],
        found["Deployment"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    assert container["args"][:2] == ["foveate", "serve"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "foveate.service")
    return parser


def test_the_units_commands_start_it_and_have_it_read_its_settings(
    upstream: Upstream, tmp_path: Path
) -> None:
    service = unit()["Service"]
    words = shlex.split(service["ExecStart"])
    assert words[0] == "/opt/foveate/bin/foveate"
    (tmp_path / "config.yaml").write_text(
        f"upstream: {{url: '{upstream.url}/v1'}}\nserver: {{port: 0}}\n"
    )
    places = {"/etc/foveate": str(tmp_path), "/var/lib/foveate": str(tmp_path / "data")}
    given = [places.get(word, word.replace("/etc/foveate", str(tmp_path))) for word in words[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".package"), "HOME": "/nonexistent"}
    process = subprocess.Popen(
        [*COMMAND, *given],
        env=environment,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    line = next(line for line in process.stdout if line.startswith("foveate listens on"))
    address = re.search(r"http://[\d.]+:\d+", line)
    assert address
    assert ask(address[0], "GET", "/-/healthy").status == 200
    (tmp_path / "config.yaml").write_text(
        f"upstream: {{url: '{upstream.url}/v1'}}\nserver: {{port: 0}}\nmode: 'off'\n"
    )
    reload = shlex.split(service["ExecReload"].replace("$MAINPID", str(process.pid)))
    assert subprocess.run(["kill", *reload[1:]], check=False).returncode == 0
    until(lambda: "mode: 'off'" in ask(address[0], "GET", "/-/status").json["settings"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) in (0, -signal.SIGTERM)
    assert int(service["TimeoutStopSec"]) > Settings().server.drain
    assert service["RestartPreventExitStatus"] == "2"  # a wrong setting


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def fronted(upstream: Upstream, tmp_path: Path) -> Iterator[int]:
    """nginx as its recipe has it, in front of foveate; its port."""
    if not shutil.which("nginx") or not shutil.which("openssl"):
        pytest.skip("nginx and openssl are not installed here")
    recipe = (DEPLOY / "nginx.conf").read_text()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tmp_path / "foveate.key"),
         "-out", str(tmp_path / "foveate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    settings = f"upstream: {{url: '{upstream.url}/v1'}}\nindex: {{type: in_memory}}\nadmin: {{token: secret}}\n"
    with Serving(tmp_path, settings) as serving:
        port = free_port()
        site = recipe.replace("127.0.0.1:8787", serving.url.removeprefix("http://"))
        site = site.replace("443 ssl", f"127.0.0.1:{port} ssl").replace("/etc/nginx/tls", str(tmp_path))
        user = "" if os.getuid() else "user root;\n"  # its workers write beside the test's own files
        (tmp_path / "nginx.conf").write_text(
            f"{user}daemon off;\npid {tmp_path}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n"
            + "".join(f"{name}_temp_path {tmp_path}/{name};\n" for name in TEMPORARY)
            + site
            + "}\n"
        )
        process = subprocess.Popen(["nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)])
        try:
            until(lambda: answers(port) or process.poll() is not None)
            assert process.poll() is None
            yield port
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(30)


def answers(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


def through(port: int, tmp_path: Path) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(tmp_path / "foveate.pem"))
    return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)


def test_nginx_passes_events_on_as_they_come_and_bodies_whole(
    fronted: int, upstream: Upstream, tmp_path: Path
) -> None:
    gate = Gate()
    upstream.script = stream(CHUNKS, {1: gate})
    connection = through(fronted, tmp_path)
    content = json.dumps({**body([{"role": "user", "content": "word " * 300_000}]), "stream": True})
    connection.request("POST", "/v1/chat/completions", content, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.read1() == CHUNKS[0]
    gate.open()
    assert answer.read() == b"".join(CHUNKS[1:])
    (sent,) = [r for r in upstream.received if r.method == "POST"]
    assert json.loads(sent.body) == json.loads(content)


def test_behind_nginx_pages_ask_for_the_token(fronted: int, tmp_path: Path) -> None:
    connection = through(fronted, tmp_path)
    connection.request("GET", "/-/status")
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 401
    connection.request("GET", "/-/status", headers={"Authorization": "Bearer secret"})
    assert connection.getresponse().status == 200


def test_the_image_runs_as_somebody_and_copies_what_there_is() -> None:
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", "").splitlines()
    for line in lines:
        words = line.split()
        if words[:1] == ["COPY"] and not words[1].startswith("--from"):
            assert all((ROOT / source).exists() for source in words[1:-1]), line
        if words[:1] == ["ENV"]:
            names = [word.partition("=")[0] for word in words[1:] if word.startswith("FOVEATE_")]
            assert all(leads_somewhere(name) for name in names)
    assert "USER foveate" in lines
    (command,) = [json.loads(line.removeprefix("CMD ")) for line in lines if line.startswith("CMD ")]
    assert command[:2] == ["foveate", "serve"]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert "docs" not in ignored


def test_the_core_is_all_but_litellm_and_chroma() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    core = [line for line in (DEPLOY / "core.txt").read_text().splitlines() if not line.startswith("#")]
    assert core == [each for each in wanted if not re.match(r"(litellm|chromadb)\b", each)]


def test_prometheus_brings_the_token_to_pods() -> None:
    head, _, _ = (DEPLOY / "kubernetes.yaml").read_text().partition("apiVersion")
    told = head[head.index("scrape_configs") :].replace("#   ", "")
    (job,) = yaml.safe_load(told)["scrape_configs"]
    assert job["metrics_path"] in pages()
    assert job["authorization"]
    pod = kinds()["Deployment"]["spec"]["template"]
    port = pod["spec"]["containers"][0]["ports"][0]["name"]
    assert job["relabel_configs"][0]["regex"] == f"{pod['metadata']['labels']['app']};{port}"
    assert "annotations" not in pod["metadata"]


CAME = "kubernetes-1.dist-info"


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, "kubernetes"),
        ({f"{CAME}/REQUESTED": ""}, ""),
        ({"mine-1.dist-info/METADATA": "Name: mine\nRequires-Dist: kubernetes>=30\n"}, ""),
    ],
    ids=["came along", "asked for by name", "required by another"],
)
def test_what_nobody_wants_is_taken_out(tmp_path: Path, more: dict[str, str], taken: str) -> None:
    for path, text in {f"{CAME}/METADATA": "Name: kubernetes\n", **more}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    code = f"import runpy; print(*runpy.run_path({str(DEPLOY / 'slim.py')!r})['unused']())"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == taken


def test_it_serves_without_litellm_and_chroma(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nfor name in {MISSING}:\n    sys.modules[name] = None\n"
    )
    (tmp_path / "config.yaml").write_text("upstream: {type: echo}\n")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}:{ROOT / '.package'}",
        "HOME": str(tmp_path),
    }
    command = [*COMMAND, "serve", "--port", "0", "--data", str(tmp_path / "data")]
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    line = next(line for line in process.stdout if line.startswith("foveate listens on"))
    address = re.search(r"http://[\d.]+:\d+", line)
    assert address
    connection = connect(address[0])
    history = [
        {"role": role, "content": f"{n} bridge " * 90}
        for n in range(20)
        for role in ("user", "assistant")
    ]
    asked = json.dumps(
        {"model": "gpt-4o", "messages": [*history, {"role": "user", "content": "the bridge?"}]}
    )
    headers = {"Content-Type": "application/json", "X-Pruning-Budget": "900/400"}
    connection.request("POST", "/v1/chat/completions", asked, headers)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("x-pruning-result")) == (200, "cut")
    process.terminate()
    said, _ = process.communicate(timeout=30)
    assert "pip install chromadb" in said
    done = subprocess.run(
        [*COMMAND, "serve", "--upstream", "litellm", "--port", "0"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install litellm" in done.stderr


def test_the_copies_of_tables_are_those_of_their_source() -> None:
    """What the renewing script would write, where the version that it copied is installed."""
    table = json.loads((ROOT / "proxy/pruning/limits/data/models.json").read_bytes())
    version = re.search(r"litellm ([\d.]+)", table["about"]["source"])
    assert version
    if (
        importlib.util.find_spec("litellm") is None
        or importlib.metadata.version("litellm") != version[1]
    ):
        pytest.skip("another litellm is installed here")
    spec = importlib.util.spec_from_file_location("renew_tables", ROOT / ".ci/renew_tables.py")
    assert spec is not None
    assert spec.loader is not None
    renewing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(renewing)
    source = json.loads(
        (renewing.package() / "model_prices_and_context_window_backup.json").read_bytes()
    )
    assert table["models"] == renewing.trimmed(source)
    for name in renewing.NAMES:
        copied = (ROOT / "proxy/formats/data" / name).read_bytes()
        assert copied == (renewing.package() / "litellm_core_utils" / "tokenizers" / name).read_bytes()


def test_the_version_is_told() -> None:
    if importlib.util.find_spec("foveate") is None:
        pytest.skip("foveate is not installed beside this Python")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".package")}
    done = subprocess.run(
        [*COMMAND, "--version"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    try:
        version = importlib.metadata.version("foveate")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("foveate is run from its sources here")
    assert done.stdout.strip() == f"foveate {version}", done.stderr
    assert sys.version_info >= (3, 11)
