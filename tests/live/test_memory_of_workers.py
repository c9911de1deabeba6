"""Memory that several workers share: one file, whichever of them a turn comes to."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.client import Answer, ask, chat
from support.console import samples, total
from support.process import Serving
from support.upstream import Upstream, until
from support.workers import WORKERS, pids, settings

FACT = "My locker at the harbour station has the combination 7319-4402."
QUESTION = "What is the combination of my locker at the harbour station?"
MEMORY = (
    "memory: {enabled: true, key: a secret of the tests own, max_mib: %s}\nindex: {type: in_memory}\n"
)


@pytest.fixture
def serving(upstream: Upstream, tmp_path: Path) -> Iterator[Serving]:
    with Serving(tmp_path, settings(upstream, MEMORY % 256)) as started:
        wait_for_all(started, tmp_path)
        yield started
        started.send(signal.SIGTERM)
        started.wait()


def wait_for_all(serving: Serving, folder: Path) -> None:
    until(lambda: len(pids(folder)) == WORKERS and ask(serving.url, "GET", "/-/ready").status == 200)


def said(name: str, count: int = 20) -> list[dict[str, Any]]:
    """What a user and an assistant say, the fact first."""
    texts = [FACT, f"I have noted it, {name}."]
    for n in range(count):
        texts += [f"{name}, day {n}: tomatoes on balcony {n} grew.", f"Good to hear of {name}'s {n}."]
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]


def replay(url: str, messages: list[dict[str, Any]], key: str, keep: int = 8) -> None:
    """Send a conversation turn by turn, a new connection each, as a client does that keeps its last messages
    only.
    """
    for end in range(1, len(messages) + 1, 2):
        sent = messages[max(0, end - keep) : end]
        assert chat(url, {"model": "gpt-4o", "messages": sent}, key=key).status == 200


def ask_last(url: str, messages: list[dict[str, Any]], key: str) -> Answer:
    sent = [*messages[-7:], {"role": "user", "content": QUESTION}]
    return chat(url, {"model": "gpt-4o", "messages": sent}, key=key)


def kept(url: str) -> list[tuple[int, int]]:
    """Segments and bytes of each conversation that is kept."""
    told = ask(url, "GET", "/-/memory").json["conversations"]
    return [(row["segments"], row["bytes"]) for row in told]


def test_conversations_that_hop_between_workers_are_each_one(
    serving: Serving, upstream: Upstream
) -> None:
    keys = [f"sk-{n}" for n in range(6)]
    with ThreadPoolExecutor(len(keys)) as threads:
        list(threads.map(lambda key: replay(serving.url, said(key), key), keys))
    assert [segments for segments, _ in kept(serving.url)] == [41] * len(keys)
    for key in keys:
        answer = ask_last(serving.url, said(key), key)
        assert answer.result == "remembered"
        assert FACT in upstream.last.messages[-1]["content"]
    for key in keys:  # the same again, whoever is asked
        first = {ask_last(serving.url, said(key), key).status for _ in range(6)}
        assert first == {200}
    bodies = {request.body for request in upstream.received if QUESTION.encode() in request.body}
    assert len(bodies) == len(keys)
    assert total(samples(serving.url), "foveate_memory_failures_total") == 0


def test_what_memory_keeps_is_counted_once_and_at_once(serving: Serving) -> None:
    replay(serving.url, said("a", 3), "sk-a")
    told = ask(serving.url, "GET", "/-/memory").json
    for _ in range(8):
        assert total(samples(serving.url), "foveate_memory_segments") == told["total_segments"] == 7
        assert total(samples(serving.url), "foveate_memory_conversations") == 1
        assert ask(serving.url, "GET", "/-/status").json["memory"]["segments"] == 7
    assert ask(serving.url, "DELETE", "/-/memory?all=true").json["deleted"] == 7
    for _ in range(8):
        assert total(samples(serving.url), "foveate_memory_segments") == 0
        assert ask(serving.url, "GET", "/-/memory").json["conversations"] == []


def test_what_is_deleted_no_worker_quotes(serving: Serving, upstream: Upstream) -> None:
    messages = said("a")
    replay(serving.url, messages, "sk-a")
    assert ask_last(serving.url, messages, "sk-a").result == "remembered"
    ask(serving.url, "DELETE", "/-/memory?all=true")
    for _ in range(8):
        assert ask_last(serving.url, messages, "sk-a").result == "untouched"
        assert FACT not in upstream.last.body.decode()


def test_workers_keep_within_the_room_together(upstream: Upstream, tmp_path: Path) -> None:
    room = 0.05
    with Serving(tmp_path, settings(upstream, MEMORY % room)) as serving:
        wait_for_all(serving, tmp_path)
        keys = [f"sk-{n}" for n in range(60)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda key: replay(serving.url, said(key), key), keys))
        held = kept(serving.url)
        assert (
            0 < sum(segments for segments, _ in held) < 41 * len(keys)
        )  # looked at every 500 requests
        assert total(samples(serving.url), "foveate_memory_failures_total") == 0


def test_a_worker_that_dies_leaves_memory_whole(
    serving: Serving, upstream: Upstream, tmp_path: Path
) -> None:
    keys = [f"sk-{n}" for n in range(4)]
    messages = {key: said(key, 30) for key in keys}
    before = pids(tmp_path)

    def talk(key: str) -> None:
        for end in range(1, len(messages[key]) + 1, 2):
            value = {"model": "gpt-4o", "messages": messages[key][max(0, end - 8) : end]}
            while True:  # as an official client does where the connection breaks
                try:
                    assert chat(serving.url, value, key=key).status == 200
                    break
                except (OSError, EOFError):
                    pass

    with ThreadPoolExecutor(len(keys)) as threads:
        running = [threads.submit(talk, key) for key in keys]
        os.kill(min(before), signal.SIGKILL)
        for each in running:
            each.result()
    until(lambda: len(pids(tmp_path)) == WORKERS and pids(tmp_path) != before)
    for key in keys:
        assert ask_last(serving.url, messages[key], key).result == "remembered"
        assert FACT in upstream.last.messages[-1]["content"]
    assert [segments for segments, _ in kept(serving.url)] == [63] * len(keys)
