"""An embedding server that is slow, refuses, limits its callers, dies and comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np
import pytest

from foveate.proxy.config.schema import EmbedderSettings
from foveate.proxy.errors import ConfigError
from foveate.proxy.vectors.embedders import build_embedder
from foveate.proxy.vectors.embedders.http import EmbeddingError, HttpEmbedder
from support.client import chat
from support.console import samples, total
from support.conversations import body, long_chat
from support.histories import Make, complete, said
from support.indexes import free_port
from support.loopback import serving
from support.parts import word_vector
from support.server import serve, settings_for
from support.upstream import Upstream


class Server:
    """Embeds words, as it is told to."""

    def __init__(self) -> None:
        self.statuses: list[int] = []  # of the next answers; 200 once there are none
        self.seconds = 0.0
        self.longest = 100_000
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.after = ""  # retry-after

    def answer(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.asked.append(body)
        time.sleep(self.seconds)
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            return status, {"error": {"message": f"told to say {status}"}}
        if max(map(len, body["input"])) > self.longest:
            return 400, {"error": {"message": "maximum context length"}}
        rows = [
            {"index": n, "embedding": (3 * word_vector(text)).tolist(), "object": "embedding"}
            for n, text in enumerate(body["input"])
        ]
        return 200, {"data": rows[::-1], "usage": {"total_tokens": 7 * len(rows)}}


@contextmanager
def running(kept: Server, port: int = 0) -> Iterator[str]:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.keys.append(self.headers.get("authorization"))
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, told = kept.answer(body)
            content = json.dumps(told).encode()
            self.send_response(status if self.path == "/v1/embeddings" else 404)
            if kept.after:
                self.send_header("retry-after", kept.after)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *given: object) -> None:
            pass

    with serving(Answering, port) as url:
        yield f"{url}/v1"


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with running(server) as address:
        yield address


def loaded(url: str, **more: Any) -> HttpEmbedder:
    made = HttpEmbedder("words-small", url, **more)
    made.load()
    return made


def test_texts_come_back_as_unit_vectors_in_their_order(server: Server, url: str) -> None:
    embedder = loaded(url, key="sk-e", dimensions=64)
    texts = [f"word number {n}" for n in range(150)]
    found = embedder.embed(texts)
    assert np.allclose(found, [word_vector(text) for text in texts], atol=1e-5)
    assert [len(body["input"]) for body in server.asked] == [64, 64, 22]
    assert server.asked[0]["model"] == "words-small"
    assert server.asked[0]["dimensions"] == 64
    assert server.keys[0] == "Bearer sk-e"
    assert embedder.tokens == 7 * 150
    assert embedder.embed([]).shape[0] == 0
    assert embedder.embed(["lone \ud800 half"]).shape == (1, 64)


def test_queries_are_told_from_texts_where_the_model_wants_it(server: Server, url: str) -> None:
    embedder = loaded(url, query_prefix="query: ", text_prefix="passage: ")
    assert not embedder.symmetric
    embedder.embed_queries(["red"])
    embedder.embed(["red"])
    assert [body["input"] for body in server.asked] == [["query: red"], ["passage: red"]]


@pytest.mark.parametrize("statuses", [[429], [503, 500]])
def test_a_server_that_is_busy_is_asked_again(server: Server, url: str, statuses: list[int]) -> None:
    server.statuses, server.after = list(statuses), "0.01"
    assert loaded(url).embed(["red"]).shape == (1, 64)
    assert len(server.asked) == len(statuses) + 1


def test_a_server_that_refuses_is_not_asked_again_at_once(server: Server, url: str) -> None:
    server.statuses = [401, 401]
    embedder = loaded(url)
    with pytest.raises(EmbeddingError, match="answers 401: told to say 401"):
        embedder.embed(["red"])
    with pytest.raises(EmbeddingError, match="left alone"):
        embedder.embed(["red"])
    assert len(server.asked) == 1


def test_a_text_that_is_too_long_is_cut(server: Server, url: str) -> None:
    server.longest = 3000
    assert loaded(url).embed(["red " * 2000, "blue"]).shape == (2, 64)


@pytest.mark.parametrize(
    "told", [{"data": []}, {"nothing": 1}, None, {"data": [{"index": 0, "embedding": [0.0] * 64}]}]
)
def test_an_answer_that_is_none_is_a_failure(server: Server, url: str, told: Any) -> None:
    server.answer = lambda body: (200, told)  # type: ignore[method-assign]
    with pytest.raises(EmbeddingError):
        loaded(url).embed(["red"])


def test_vectors_of_two_models_servers_or_sizes_never_meet() -> None:
    names = {
        HttpEmbedder(model, url, dimensions=size).name
        for model in ("a/small", "a/large")
        for url in ("http://one/v1", "http://two/v1")
        for size in (0, 256)
    }
    assert len(names) == 8


@pytest.mark.parametrize(
    ("given", "told"), [({"model": ""}, "embedder.model"), ({"url": ""}, "embedder.url")]
)
def test_what_is_missing_is_named(given: dict[str, str], told: str) -> None:
    made = build_embedder(
        EmbedderSettings(**{"type": "http", "model": "m", "url": "http://x/v1", **given})
    )
    with pytest.raises(ConfigError, match=f"{told} is empty"):
        made.load()


async def test_pruning_goes_on_by_words_while_the_server_is_slow_and_vectors_come_later(
    make: Make, server: Server, url: str
) -> None:
    server.seconds = 0.4
    made = make(HttpEmbedder("words-small", url), deadline=0.1)
    found, _ = await complete(made, said())
    assert not found.vectors.any()
    for _ in range(100):
        found, _ = await complete(made, said())
        if found.vectors.any(axis=1).all():
            break
    assert found.vectors.any(axis=1).all()


async def test_pruning_goes_on_by_words_while_the_server_is_dead(make: Make) -> None:
    port, server = free_port(), Server()
    embedder = HttpEmbedder("words-small", f"http://127.0.0.1:{port}/v1")
    embedder.patience = 0.5
    made = make(embedder, deadline=2)
    found, _ = await complete(made, said())
    assert not found.vectors.any()
    assert made.failures["embedder"] >= 1
    embedder._ask_again_at = 0.0
    with running(server, port):
        found, _ = await complete(made, said())
        assert found.vectors.any(axis=1).all()


def test_a_running_proxy_embeds_there_and_counts_tokens_and_money(
    server: Server, url: str, upstream: Upstream
) -> None:
    given = {
        "type": "http", "url": url, "key": "sk-e", "model": "text-embedding-3-small", "dimensions": 64,
        "deadline": 60,
    }  # fmt: skip
    with serve(settings_for(upstream.url, embedder=given)) as live:
        assert chat(live.url, body(long_chat()), budget="500").result == "cut"
        counted = total(samples(live.url), "foveate_embedding_tokens_total")
        assert counted >= 7 * len(server.asked) > 0
        dollars = total(samples(live.url), "foveate_embedding_dollars_total")
        assert dollars == pytest.approx(counted * 2e-08)
    assert set(server.keys) == {"Bearer sk-e"}
    assert {body["dimensions"] for body in server.asked} == {64}
