"""Several workers behind one address: what one knows all know, and none takes another along."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.client import ask, chat, connect
from support.conversations import body, long_chat
from support.process import COMMAND, ROOT, Serving
from support.sessions import pieces
from support.upstream import Gate, Upstream, reply_json, stream, until
from support.workers import WORKERS, children, lives, pids, settings

CHUNKS = [b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"]
HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def serving(upstream: Upstream, tmp_path: Path) -> Iterator[Serving]:
    with Serving(tmp_path, settings(upstream)) as started:
        until(
            lambda: len(pids(tmp_path)) == WORKERS and ask(started.url, "GET", "/-/ready").status == 200
        )
        yield started
        started.send(signal.SIGTERM)
        started.wait()


def counted(folder: Path, url: str) -> float:
    """How many requests have been answered, in all, as the metrics say."""
    text = ask(url, "GET", "/-/metrics").body.decode()
    rows = [line for line in text.splitlines() if line.startswith("foveate_requests_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in rows)


def shares(folder: Path) -> list[float]:
    """How many requests each living worker has answered, as it last wrote."""
    found = []
    for each in (folder / "data/run").glob("metrics-*-*[0-9]"):
        rows = [x for x in each.read_text().splitlines() if x.startswith("foveate_requests_total{")]
        found.append(sum(float(x.rpartition(" ")[2]) for x in rows))
    return found


def talk(url: str, enough: Callable[[], bool]) -> int:
    """Send requests, many at a time, until that is so; return how many."""
    sent = 0
    while not enough():
        asking = [connect(url) for _ in range(16)]
        for connection in asking:
            headers = {"Content-Type": "application/json", "Authorization": "Bearer sk-talk"}
            connection.request("POST", "/v1/chat/completions", json.dumps(body(HI)), headers)
        for connection in asking:
            assert connection.getresponse().status == 200
            connection.close()
        sent += len(asking)
        assert sent < 3000
    return sent


def test_metrics_and_page_are_those_of_all(serving: Serving, tmp_path: Path) -> None:
    sent = talk(serving.url, lambda: len([n for n in shares(tmp_path) if n > 0]) == WORKERS)
    until(lambda: counted(tmp_path, serving.url) == sent)
    listed = ask(serving.url, "GET", "/-/outcomes").json
    assert ask(serving.url, "GET", "/-/totals").json["requests"] == sent
    newest = chat(serving.url, body(HI)).header("x-pruning-id")
    for _ in range(8):  # whichever worker is asked
        assert ask(serving.url, "GET", f"/-/outcomes/{newest}").json["id"] == newest
        assert ask(serving.url, "POST", f"/-/outcomes/{newest}/explain").json["messages"] == HI
        news = f"/-/outcomes?since={listed['serial']}&epoch={listed['epoch']}"
        assert newest in [row["id"] for row in ask(serving.url, "GET", news).json["outcomes"]]
    assert ask(serving.url, "GET", "/-/outcomes/prn-none").status == 404


def test_a_conversation_that_hops_between_workers_keeps_its_prefix(
    serving: Serving, upstream: Upstream
) -> None:
    messages: list[dict[str, Any]] = long_chat()
    results, previous = [], [b""]
    for turn in range(12):
        answer = chat(serving.url, body(messages), key="sk-hop", budget="1500/700")
        results.append(answer.result)
        (sent,) = [r for r in upstream.received if r.method == "POST"]
        upstream.received.clear()
        now = pieces(sent.body)
        if answer.result == "sticky":
            assert now[: len(previous)] == previous
        previous = now
        messages = [
            *messages,
            {"role": "assistant", "content": f"answer {turn}"},
            {"role": "user", "content": f"question {turn}"},
        ]
    assert results == ["cut"] + ["sticky"] * 11


def test_what_one_worker_learns_of_a_window_all_learn(serving: Serving, upstream: Upstream) -> None:
    told = "This model's maximum context length is 3000 tokens. However, your messages resulted in 4100 tokens."
    refusal = {
        "error": {"message": told, "type": "invalid_request_error", "code": "context_length_exceeded"}
    }
    answering, upstream.script = upstream.script, reply_json(refusal, status=400)
    value = body(long_chat(160))
    chat(serving.url, value, key="sk-learn")
    upstream.script = answering

    def known_to_all() -> bool:
        answers = [chat(serving.url, value, key="sk-learn", sticky="off") for _ in range(8)]
        sizes = {int(answer.header("x-pruning-tokens-after") or 0) for answer in answers}
        return max(sizes) <= 3000

    until(known_to_all)


def test_a_worker_that_dies_is_begun_anew_and_takes_nothing_else_along(
    serving: Serving, upstream: Upstream, tmp_path: Path
) -> None:
    sent = talk(serving.url, lambda: len([n for n in shares(tmp_path) if n > 0]) == WORKERS)
    until(lambda: counted(tmp_path, serving.url) == sent == sum(shares(tmp_path)))
    answers, gate = streams(serving, upstream)
    before = pids(tmp_path)
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(pids(tmp_path)) == WORKERS and killed not in pids(tmp_path))
    gate.open()
    whole = ended_whole(answers)
    assert whole > 0
    assert "begun anew" in serving.said
    upstream.script = reply_json({"choices": []})
    assert chat(serving.url, body(HI)).status == 200
    until(lambda: counted(tmp_path, serving.url) == sent + whole + 1)


def streams(serving: Serving, upstream: Upstream) -> tuple[list[http.client.HTTPResponse], Gate]:
    """Begin 32 streams, which go on once the gate is open."""
    gate = Gate()
    upstream.script = stream(CHUNKS, {1: gate})
    answers = []
    for _ in range(32):
        connection = connect(serving.url)
        connection.request("POST", "/v1/chat/completions", json.dumps({**body(HI), "stream": True}))
        answers.append(connection.getresponse())
        assert answers[-1].read1() == CHUNKS[0]
    return answers, gate


def ended_whole(answers: list[http.client.HTTPResponse]) -> int:
    """How many streams came to their end; the others were cut off."""
    whole = 0
    for answer in answers:
        try:
            assert answer.read() == b"".join(CHUNKS[1:])
            whole += 1
        except (http.client.IncompleteRead, ConnectionError):
            pass
    return whole


def begun_anew(url: str, why: str) -> float:
    text = ask(url, "GET", "/-/metrics").body.decode()
    (row,) = [
        x for x in text.splitlines() if x.startswith(f'foveate_workers_begun_anew_total{{why="{why}"')
    ]
    return float(row.rpartition(" ")[2])


def test_a_worker_that_stands_still_is_begun_anew_and_takes_nothing_else_along(
    upstream: Upstream, tmp_path: Path
) -> None:
    with Serving(tmp_path, settings(upstream).replace("drain: 5", "drain: 5, stall: 3")) as serving:
        until(lambda: len(pids(tmp_path)) == WORKERS)
        talk(serving.url, lambda: len([n for n in shares(tmp_path) if n > 0]) == WORKERS)
        before = pids(tmp_path)
        answers, gate = streams(serving, upstream)
        stopped = min(before)
        os.kill(stopped, signal.SIGSTOP)
        until(lambda: len(pids(tmp_path)) == WORKERS and stopped not in pids(tmp_path))
        gate.open()
        whole = ended_whole(answers)
        assert 0 < whole < 32
        assert before - {stopped} < pids(tmp_path)
        assert "has stood still" in serving.said
        upstream.script = reply_json({"choices": []})
        for _ in range(8):
            assert chat(serving.url, body(HI)).status == 200
        assert begun_anew(serving.url, "stalled") == 1
        assert begun_anew(serving.url, "ended") == 0


ENDLESS = """
from foveate.proxy.upstreams.echo import Echo

class Endless(Echo):
    async def send(self, request):
        while b"for ever" in request.body:
            pass
        return await super().send(request)
"""


def test_a_worker_in_an_endless_loop_says_where(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    told = "server: {workers: 2, stall: 3}\nindex: {type: in_memory}\nupstream: {type: 'endless:Endless'}\n"
    with Serving(tmp_path, told) as serving:
        until(lambda: len(pids(tmp_path)) == WORKERS)
        before = pids(tmp_path)
        connection = connect(serving.url)
        asked = body([{"role": "user", "content": "for ever"}])
        connection.request("POST", "/v1/chat/completions", json.dumps(asked))
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            connection.getresponse()
        until(lambda: len(pids(tmp_path)) == WORKERS and pids(tmp_path) != before)
        assert begun_anew(serving.url, "stalled") == 1
        assert "endless.py" in serving.said
        assert " in send" in serving.said
        assert chat(serving.url, body(HI)).status == 200


def test_an_indexs_process_that_stands_still_is_begun_anew(upstream: Upstream, tmp_path: Path) -> None:
    with Serving(tmp_path, settings(upstream).replace("drain: 5", "drain: 5, stall: 3")) as serving:
        until(lambda: ask(serving.url, "GET", "/-/ready").status == 200)
        (owner,) = children(serving.pid, "indexes.owner")
        os.kill(owner, signal.SIGSTOP)
        until(lambda: children(serving.pid, "indexes.owner") not in ([], [owner]))
        until(lambda: ask(serving.url, "GET", "/-/ready").status == 200)
        assert chat(serving.url, body(long_chat()), budget="1000/500").result == "cut"


def test_one_who_watches_over_a_machine_that_stood_still_ends_nobody(
    upstream: Upstream, tmp_path: Path
) -> None:
    with Serving(tmp_path, settings(upstream).replace("drain: 5", "drain: 5, stall: 3")) as serving:
        until(lambda: len(pids(tmp_path)) == WORKERS)
        before = pids(tmp_path)
        all_of_them = [serving.pid, *before]
        for pid in all_of_them:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(6)
        for pid in all_of_them:
            os.kill(pid, signal.SIGCONT)
        for _ in range(8):
            assert chat(serving.url, body(HI)).status == 200
        time.sleep(1)
        assert pids(tmp_path) == before
        assert "stood still" not in serving.said


def test_the_indexs_process_is_begun_anew(serving: Serving, tmp_path: Path) -> None:
    (owner,) = children(serving.pid, "indexes.owner")
    os.kill(owner, signal.SIGKILL)
    answer = chat(serving.url, body(long_chat()), budget="1000/500")
    assert (answer.status, answer.result) == (200, "cut")
    until(lambda: children(serving.pid, "indexes.owner") not in ([], [owner]))
    until(lambda: ask(serving.url, "GET", "/-/ready").status == 200)
    for _ in range(4):
        assert chat(serving.url, body(long_chat()), budget="1000/500").result == "cut"
    assert serving.said.count("the index's process ha") == 1, (
        "who watches over it says so, and nobody else"
    )


def test_a_change_of_the_settings_reaches_all(serving: Serving, upstream: Upstream) -> None:
    serving.configure(settings(upstream, "mode: 'off'\n"))
    serving.send(signal.SIGHUP)
    until(lambda: all(chat(serving.url, body(HI)).result == "off" for _ in range(12)))


def test_all_end_together_and_leave_nothing_behind(upstream: Upstream, tmp_path: Path) -> None:
    with Serving(tmp_path, settings(upstream)) as serving:
        until(lambda: len(pids(tmp_path)) == WORKERS)
        workers = pids(tmp_path)
        gate = Gate()
        upstream.script = stream(CHUNKS, {1: gate})
        connection = connect(serving.url)
        connection.request("POST", "/v1/chat/completions", json.dumps({**body(HI), "stream": True}))
        answer = connection.getresponse()
        assert answer.read1() == CHUNKS[0]
        serving.send(signal.SIGTERM)
        until(lambda: "told to end" in serving.said)
        gate.open()
        assert answer.read() == b"".join(CHUNKS[1:])
        assert serving.wait() == 0
    assert not [pid for pid in workers if lives(pid)]
    assert not list((tmp_path / "data/run").iterdir())


def test_workers_end_where_who_watches_over_them_is_killed(upstream: Upstream, tmp_path: Path) -> None:
    with Serving(tmp_path, settings(upstream)) as serving:
        until(lambda: len(pids(tmp_path)) == WORKERS)
        workers = [*pids(tmp_path), *children(serving.pid, "indexes.owner")]
        assert len(workers) == WORKERS + 1
        serving.kill()
    until(lambda: not [pid for pid in workers if lives(pid)])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_foveate_on_the_same_folder_is_refused_with_the_remedy(
    upstream: Upstream, tmp_path: Path, workers: str
) -> None:
    with Serving(tmp_path, settings(upstream)) as serving:
        assert chat(serving.url, body(HI)).status == 200
        command = [
            *COMMAND,
            "serve",
            "--port",
            "0",
            "--data",
            str(tmp_path / "data"),
            "--workers",
            workers,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / ".package"), "HOME": str(tmp_path)}
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=tmp_path,
        )
        assert done.returncode == 2
        (line,) = done.stderr.strip().splitlines()
        assert f"process {serving.pid}" in line
        assert "--workers" in line
        assert "--data" in line
        assert "state.type redis" in line
        assert chat(serving.url, body(HI)).status == 200
        serving.send(signal.SIGTERM)
        serving.wait()


def test_settings_that_cannot_work_end_it_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("server: {workers: 2, port: 0}\nembedder: {type: no_such}\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".package"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [*COMMAND, "serve"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith('foveate: embedder.type "no_such"')
