"""Decisions in Redis, shared by several workers: a real server, started here."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from foveate.policies.types import PruneState
from foveate.proxy.errors import StateStoreError
from foveate.proxy.pruning.memory import Memory
from foveate.proxy.pruning.record import Recollection
from foveate.proxy.pruning.states import build_states
from foveate.proxy.pruning.states.redis import BATCH, RedisStates, hidden
from support import histories
from support.client import chat
from support.conversations import body, long_chat, problems
from support.server import Live, application, settings_for
from support.sessions import conversation, ends, pieces, services_with
from support.upstream import Upstream, until

BINARY = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(
    BINARY is None, reason="redis-server is not installed (Debian: apt-get install redis-server)"
)
IDS = [f"message {n}" for n in range(6)]
STATE = PruneState(frozenset({(1, 0, -1), (2, 0, 3)}), {5: ((1, 0, -1),)})
GUARD = 30.0  # seconds after which something hangs


class Server:
    """A redis-server of the test's own, on a free port, that writes nothing."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert BINARY
        arguments = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(self._folder),
        ]
        self._process = subprocess.Popen(
            [BINARY, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self.answers)

    def answers(self) -> bool:
        """Say whether it is up."""
        with suppress(redis.RedisError), redis.Redis(port=self.port) as client:
            return bool(client.ping())
        return False

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process
        self._process.send_signal(number)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def store(server: Server) -> AsyncIterator[RedisStates]:
    made = RedisStates(server.url, ttl_hours=1)
    yield made
    await made.aclose()


async def test_what_one_worker_keeps_another_finds(server: Server) -> None:
    one, two = (Memory(RedisStates(server.url, ttl_hours=1)) for _ in range(2))
    await one.keep(conversation("a", IDS[:5]), Recollection(5, STATE, "p"))
    for _ in range(500):  # a keep that is late goes on in this very loop
        if keys_in(server):
            break
        await asyncio.sleep(0.02)
    assert await settled(two, "a") == Recollection(5, STATE, "p")
    assert await settled(two, "b") is None
    await one.aclose()
    await two.aclose()


def keys_in(server: Server) -> list[bytes]:
    with redis.Redis(port=server.port) as client:
        return list(client.scan_iter())


async def settled(memory: Memory, tenant: str) -> Recollection | None:
    """Look up once the connection stands: the first answer of a busy machine may come too late."""
    for _ in range(50):
        before = memory.failures
        found = await memory.recall(conversation(tenant, IDS))
        if memory.failures == before and found is not None:
            return found
        await asyncio.sleep(0.02)
    return None


async def test_the_longest_prefix_is_found_in_histories_of_many_messages(store: RedisStates) -> None:
    keys = list(conversation("a", [str(n) for n in range(3 * BATCH)]).keys())
    await store.put(keys[-4], b"short")
    await store.put(keys[-BATCH - 6], b"longer")
    assert await store.first(keys) == (2 * BATCH - 6, b"longer")
    assert await store.first(["unknown"]) is None
    assert await store.first([]) is None


async def test_entries_live_as_long_as_they_are_used(server: Server, store: RedisStates) -> None:
    await store.put("a", b"x")
    with redis.Redis(port=server.port) as client:
        assert client.keys() == [hidden("a").encode()]
        assert 3590 < int(client.ttl(hidden("a"))) <= 3600
        client.expire(hidden("a"), 10)
        await store.first(["a"])
        assert int(client.ttl(hidden("a"))) > 3590


async def test_an_entry_of_another_type_or_that_does_not_parse_is_dropped(server: Server) -> None:
    whole, shorter, *_ = conversation("a", IDS).keys()
    with redis.Redis(port=server.port) as client:
        client.set(hidden(whole), b"not ours")
        client.lpush(hidden(shorter), b"a list")
    memory = Memory(RedisStates(server.url, ttl_hours=1))
    assert await memory.recall(conversation("a", IDS)) is None
    assert await memory.recall(conversation("a", IDS[:-1])) is None
    await memory.aclose()


async def test_a_server_that_is_not_there_is_an_error_of_the_store(
    server: Server, store: RedisStates
) -> None:
    server.stop()
    with pytest.raises(StateStoreError):
        await store.first(["a"])
    with pytest.raises(StateStoreError):
        await store.put("a", b"x")


async def test_a_server_that_falls_silent_is_given_up_and_taken_up_again(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory(RedisStates(server.url, ttl_hours=1), pause=0)
    await memory.keep(conversation("a", IDS), Recollection(6, STATE, "p"))
    await histories.until(lambda: keys_in(server))
    with caplog.at_level(logging.DEBUG, "foveate"):
        server.signal(signal.SIGSTOP)
        async with asyncio.timeout(GUARD):
            for _ in range(3):
                assert await memory.recall(conversation("a", IDS)) is None
        server.signal(signal.SIGCONT)
        assert await settled(memory, "a") == Recollection(6, STATE, "p")
    assert memory.failures >= 3
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) <= 1
    await memory.aclose()


def test_the_settings_choose_redis(server: Server, tmp_path: Path) -> None:
    settings = settings_for("http://127.0.0.1:1", state={"type": "redis", "url": server.url})
    assert isinstance(build_states(settings.state, tmp_path), RedisStates)


def test_a_conversation_goes_on_at_another_worker_and_survives_the_loss_of_redis(
    server: Server, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    messages = long_chat(30)
    settings = settings_for(upstream.url)
    workers = [
        Live(
            application(services_with(Memory(RedisStates(server.url, ttl_hours=1), pause=0), settings))
        )
        for _ in range(2)
    ]
    results: list[str | None] = []
    with caplog.at_level(logging.WARNING, "foveate.memory"), workers[0], workers[1]:
        previous: list[bytes] = []
        for n, end in enumerate(ends(messages)):
            if n == 24:
                server.stop()
            before = [w.services.parts.memory.failures for w in workers]
            answer = chat(workers[n % 2].url, body(messages[:end]), budget="700/300", key="sk-one")
            sent = pieces(upstream.last.body)
            calm = before == [w.services.parts.memory.failures for w in workers] and n < 24
            assert answer.status == 200
            assert problems([json.loads(m) for m in sent]) == []
            if calm and answer.result != "cut" and previous:
                assert sent[: len(previous)] == previous
            previous = sent if calm else []
            results.append(answer.result)
    assert "sticky" in results[:24]
    assert set(results[24:]) == {"cut"}
    assert 1 <= len(caplog.records) <= 2  # one a worker


def test_a_redis_that_is_down_at_the_start_costs_nothing_but_the_memory(
    upstream: Upstream, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    settings = settings_for(upstream.url, state={"type": "redis", "url": "redis://127.0.0.1:1/0"})
    parts = services_with(Memory(build_states(settings.state, tmp_path)), settings)
    with caplog.at_level(logging.WARNING, "foveate.memory"), Live(application(parts)) as live:
        for _ in range(3):
            assert chat(live.url, body(long_chat()), budget="700/300", key="sk-one").result == "cut"
    assert len(caplog.records) == 1


def test_a_redis_that_takes_connections_and_never_answers(
    upstream: Upstream, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(16)
        settings = settings_for(
            upstream.url, state={"type": "redis", "url": f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"}
        )
        parts = services_with(Memory(build_states(settings.state, tmp_path), pause=1000), settings)
        with caplog.at_level(logging.WARNING, "foveate.memory"), Live(application(parts)) as live:
            for _ in range(3):
                assert chat(live.url, body(long_chat()), budget="700/300", key="sk-one").result == "cut"
    assert len(caplog.records) == 1
    assert live.services.parts.memory.failures == 1
