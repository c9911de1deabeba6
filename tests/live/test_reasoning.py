"""Reasoning that a provider has bound to its prompt: valid through cuts, restarts, and other workers."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.client import ask
from support.parts import WordEmbedder
from support.process import Serving
from support.server import Live, serve_with, settings_for
from support.talking import Talk
from support.thinking import MARKS, Messages, compared, strict, thoughts
from support.upstream import Upstream, reply_json, until

REDIS = shutil.which("redis-server")
LATE = "foveate_state_failures_total"


@pytest.fixture
def live(upstream: Upstream) -> Iterator[Live]:
    """A server in front of a provider that binds reasoning."""
    upstream.script = strict()
    with serve_with(settings_for(upstream.url), WordEmbedder(), InMemory()) as made:
        yield made


def prompts(upstream: Upstream) -> list[Messages]:
    """Return what the provider was asked, in order."""
    return [r.messages for r in upstream.received if r.method == "POST"]


def breaks(found: list[Messages], results: list[str | None]) -> int:
    """Return how many prompts without a cut do not begin as the one before them did."""
    same = [[compared(m) for m in prompt] for prompt in found]
    grown = [after[: len(before)] == before for before, after in pairwise(same)]
    return sum(not whole and done != "cut" for whole, done in zip(grown, results[1:], strict=True))


def metric(url: str, name: str, label: str = "") -> float:
    """Return a metric's sum over all that carry that label."""
    page = ask(url, "GET", "/-/metrics").body.decode()
    rows = [line for line in page.splitlines() if line.startswith(name) and label in line]
    return sum(float(row.rsplit(" ", 1)[1]) for row in rows)


def resent(live: Live, refused: str) -> float:
    """Return how many requests were sent once more."""
    return metric(live.url, "foveate_requests_resent_total{", f'refused="{refused}"')


def test_bound_reasoning_survives_every_request_between_two_cuts(
    live: Live, upstream: Upstream
) -> None:
    talk = Talk()
    for n in range(30):
        assert talk.note(live.url, n).status == 200
        if n % 3 == 0:
            assert talk.look_up(live.url, f"call_{n}").status == 200
    found = prompts(upstream)
    assert len(found) == len(talk.results)  # none was asked twice
    assert talk.results.count("cut") > 1
    assert talk.results.count("sticky") > 10
    assert breaks(found, talk.results) == 0
    assert all(
        thoughts(p) > 0 for p, done in zip(found[1:], talk.results[1:], strict=True) if done == "sticky"
    )


def test_a_cut_takes_out_the_reasoning_behind_its_first_gap_and_no_other(
    live: Live, upstream: Upstream
) -> None:
    talk = Talk()
    while "cut" not in talk.results:
        talk.note(live.url, len(talk.results))
    before, after = prompts(upstream)[-2:]
    same = sum(1 for a, b in zip(before, after, strict=False) if a == b)
    assert thoughts(before) == sum(m["role"] == "assistant" for m in before)
    assert thoughts(after) == thoughts(after[:same])
    assert talk.note(live.url, 99).result == "sticky"
    assert thoughts(prompts(upstream)[-1]) == thoughts(after) + 1


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_that_moves_with_the_conversation_breaks_no_prefix(
    live: Live, upstream: Upstream, mark: str
) -> None:
    talk = Talk(mark=mark)
    for n in range(25):
        assert talk.note(live.url, n).status == 200
    found = prompts(upstream)
    assert len(found) == 25
    assert breaks(found, talk.results) == 0
    assert all(mark in json.dumps(prompt[-1]) for prompt in found)


def strange(live: Live) -> Talk:
    """Return a talk whose reasoning was made in another one."""
    elsewhere, talk = Talk(key="sk-other"), Talk()
    for n in range(3):
        elsewhere.note(live.url, n)
    talk.messages = [{"role": "system", "content": "You are in haste."}, *elsewhere.messages[1:]]
    return talk


def test_an_upstream_that_refuses_reasoning_is_asked_once_more_without_it(
    live: Live, upstream: Upstream
) -> None:
    talk = strange(live)
    upstream.received.clear()
    answer = talk.say(live.url, "And now?")
    first, second = prompts(upstream)
    assert (thoughts(first), thoughts(second)) == (3, 0)
    assert [compared({**m, "thinking_blocks": None}) for m in first] == [compared(m) for m in second]
    assert answer.status == 200
    assert len(answer.all("x-pruning-result")) == 1
    assert answer.result == "sticky"
    assert int(answer.header("x-pruning-tokens-after") or 0) < int(
        answer.header("x-pruning-tokens-before") or 0
    )
    told = ask(live.url, "GET", f"/-/outcomes/{answer.header('x-pruning-id')}").json
    assert told["resent"] == "reasoning"
    assert (resent(live, "reasoning"), resent(live, "length")) == (1, 0)


def test_the_conversation_goes_on_without_what_was_refused_and_with_what_came_since(
    live: Live, upstream: Upstream
) -> None:
    talk = strange(live)
    talk.say(live.url, "And now?")
    upstream.received.clear()
    for n in range(4):
        assert talk.note(live.url, n).result == "sticky"
        assert thoughts(prompts(upstream)[-1]) == n + 1
    assert len(prompts(upstream)) == 4
    assert resent(live, "reasoning") == 1


def test_a_second_refusal_is_relayed(live: Live, upstream: Upstream) -> None:
    refusal = {"error": {"message": "Invalid `signature` in `thinking` block", "code": None}}
    talk = Talk()
    talk.note(live.url, 0)
    upstream.script = reply_json(refusal, 400)
    upstream.received.clear()
    answer = talk.note(live.url, 1)
    assert (answer.status, answer.json) == (400, refusal)
    assert len(prompts(upstream)) == 2


def test_a_request_without_reasoning_is_asked_once(live: Live, upstream: Upstream) -> None:
    upstream.script = reply_json({"error": {"message": "Invalid `signature` in `thinking` block"}}, 400)
    assert Talk().note(live.url, 0).status == 400
    assert len(prompts(upstream)) == 1


def half_way(url: str, talk: Talk) -> None:
    """Go on until a prompt stands under a cut, with reasoning of its own."""
    while talk.results[-2:] != ["sticky", "sticky"]:
        assert talk.note(url, len(talk.results)).status == 200
        assert len(talk.results) < 60


def settings_of(upstream: Upstream, more: str = "") -> str:
    return f"upstream: {{url: {upstream.url}/v1}}\nindex: {{type: in_memory}}\n{more}"


def test_a_process_that_is_killed_goes_on_where_it_was(upstream: Upstream, tmp_path: Path) -> None:
    upstream.script = strict()
    talk = Talk()
    with Serving(tmp_path, settings_of(upstream)) as serving:
        half_way(serving.url, talk)
        for n in range(3):
            serving.kill()
            serving.start()
            assert talk.note(serving.url, n).status == 200
    found = prompts(upstream)
    assert len(found) == len(talk.results)  # nothing was refused
    assert talk.results[-3:] == ["sticky"] * 3
    assert breaks(found, talk.results) == 0
    assert thoughts(found[-1]) > 3


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A redis-server of the test's own."""
    if REDIS is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(tmp_path),
    ]
    process = subprocess.Popen([REDIS, *given], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port))
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def test_another_worker_goes_on_with_what_is_in_redis(
    upstream: Upstream, tmp_path: Path, redis_url: str
) -> None:
    upstream.script = strict()
    settings = settings_of(upstream, f"state: {{type: redis, url: '{redis_url}'}}\n")
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    talk = Talk()
    calm: list[bool] = []  # whether Redis has answered in time, as it may not on a busy machine
    with Serving(folders[0], settings) as one, Serving(folders[1], settings) as two:
        for each in (one, two):
            Talk(key="sk-warm").note(each.url, 0)  # its first connection to Redis stands
        half_way(one.url, talk)
        for n in range(6):
            if n == 5:
                one.kill()
            url = two.url if n == 5 else (one, two)[n % 2].url
            before, sent = metric(url, LATE), len(prompts(upstream))
            assert talk.note(url, n).status == 200
            calm.append(metric(url, LATE) == before and (not calm or calm[-1]))
            if calm[-1]:
                assert talk.results[-1] == "sticky"
                assert len(prompts(upstream)) == sent + 1  # nothing was refused
                assert breaks(prompts(upstream)[-2:], talk.results[-2:]) == 0
