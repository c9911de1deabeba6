"""Parts of a user's own, named in config.yaml as module:Class, serve beside ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from foveate.proxy import services
from foveate.proxy.config.loading import load_settings
from foveate.proxy.errors import ConfigError
from support.client import chat
from support.console import samples, total
from support.conversations import body, long_chat
from support.server import serve
from support.upstream import until

MODULE = '''
"""A user's embedder, index, state store and upstream."""

import json
from collections import Counter

import numpy as np

from foveate.proxy.errors import StateStoreError, VectorIndexError
from foveate.proxy.upstreams import UpstreamResponse

CALLS = Counter()


class Letters:
    name = "letters"
    reads = 1000
    batch = 32
    symmetric = False

    def __init__(self, alphabet):
        self.alphabet = alphabet

    def load(self):
        CALLS["load"] += 1

    def embed(self, texts):
        CALLS["texts"] += len(texts)
        rows = np.array([[text.lower().count(c) + 1e-3 for c in self.alphabet] for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def embed_queries(self, texts):
        CALLS["queries"] += len(texts)
        return self.embed(texts)


class Shelf:
    def __init__(self, collection, url):
        self.entries = {}
        self.about = (collection, url)

    def open(self):
        CALLS[self.about] += 1

    def ids(self):
        return list(self.entries)

    def upsert(self, tenant, entries):
        CALLS["stored"] += len({(tenant, entry.id) for entry in entries} - self.entries.keys())
        self.entries.update({(tenant, entry.id): entry for entry in entries})

    def get(self, tenant, ids):
        return {i: self.entries[tenant, i] for i in ids if (tenant, i) in self.entries}

    def delete(self, keys):
        for key in keys:
            self.entries.pop(key, None)

    def expired(self, max_entries, oldest):
        return []

    def close(self):
        CALLS["closed"] += 1


class ShelfApart(Shelf):
    apart = True


class Broken(Shelf):
    def get(self, tenant, ids):
        raise VectorIndexError("it is broken")

    def ids(self):
        return None

    def upsert(self, tenant, entries):
        raise VectorIndexError("it is broken")


class Notes:
    def __init__(self, ttl_hours, remote=True):
        self.remote = remote
        self.kept = {}

    async def first(self, keys):
        CALLS["looked up"] += 1
        return next(((n, self.kept[key]) for n, key in enumerate(keys) if key in self.kept), None)

    async def put(self, key, value):
        self.kept[key] = value

    async def aclose(self):
        CALLS["closed"] += 1


class Torn(Notes):
    async def first(self, keys):
        raise StateStoreError("it is torn")


class Parrot:
    def __init__(self, word):
        self.word = word

    async def send(self, request):
        CALLS[request.method] += 1
        messages = json.loads(request.body)["messages"] if request.body else []
        said = {"choices": [{"message": {"role": "assistant", "content": self.word}}], "got": len(messages)}

        async def whole():
            yield json.dumps(said).encode()

        return UpstreamResponse(200, [(b"content-type", b"application/json")], whole())

    async def aclose(self):
        CALLS["closed"] += 1
'''
CONFIG = """
embedder: {type: "own_parts:Letters", options: {alphabet: abcdefghijklmnopqrstuvwxyz}, deadline: 60}
index: {type: "own_parts:INDEX", url: "http://shelf.example"}
state: {type: "own_parts:STATE", options: {remote: REMOTE}}
upstream: {type: "own_parts:Parrot", options: {word: Hello}}
window: {models: {gpt-4o: 1200}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of modules that Python finds, here and in the index's process."""
    (tmp_path / "own_parts.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    yield tmp_path
    __import__("sys").modules.pop("own_parts", None)


def configured(folder: Path, index: str = "Shelf", state: str = "Notes", remote: str = "true") -> Path:
    """Write the settings, and return their file."""
    file = folder / "config.yaml"
    file.write_text(CONFIG.replace("INDEX", index).replace("STATE", state).replace("REMOTE", remote))
    return file


@pytest.mark.parametrize("remote", ["true", "false"])
def test_all_parts_of_a_users_own_serve_a_conversation(folder: Path, remote: str) -> None:
    with serve(load_settings(configured(folder, remote=remote))) as live:
        import own_parts

        first = chat(live.url, body(long_chat()), key="sk-1")
        assert (first.status, first.result, first.json["choices"][0]["message"]["content"]) == (
            200,
            "cut",
            "Hello",
        )
        assert first.segments["kept"] <= first.json["got"] < first.segments["total"]
        assert chat(live.url, body(long_chat()), key="sk-1").result == "sticky"
        until(lambda: live.services.parts.histories.unwritten == 0)
    calls = own_parts.CALLS
    assert calls["load"] == calls["queries"] == 1
    assert calls["texts"] >= calls["stored"] == 82 - 1  # all but the instructions
    assert calls["letters", "http://shelf.example"] == 1
    assert calls["looked up"] == 2
    assert calls["closed"] == 3


def test_an_index_of_a_users_own_may_have_a_process_of_its_own(folder: Path) -> None:
    with serve(load_settings(configured(folder, "ShelfApart"))) as live:
        assert chat(live.url, body(long_chat()), key="sk-1").result == "cut"
        until(lambda: live.services.parts.histories.unwritten == 0)
        assert live.services.parts.histories.problems() == []
        assert set(live.services.parts.histories.failures.values()) == {0}


@pytest.mark.parametrize("remote", ["true", "false"])
def test_parts_of_a_users_own_that_fail_are_done_without(folder: Path, remote: str) -> None:
    with serve(load_settings(configured(folder, "Broken", "Torn", remote))) as live:
        for _ in range(2):
            assert chat(live.url, body(long_chat()), key="sk-1").result == "cut"
        found = samples(live.url)
        assert live.failures == {}
    assert total(found, "foveate_vector_failures_total", part="index") >= 1
    assert total(found, "foveate_state_failures_total") >= 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "embedder: {type: milvus}",
            'embedder.type "milvus" is not one of onnx, .*sentence_transformers',
        ),
        ("index: {type: milvus}", 'index.type "milvus" is not one of chroma, .*in_memory'),
        ("state: {type: milvus}", 'state.type "milvus" is not one of sqlite, in_memory, redis'),
        ("upstream: {type: milvus}", 'upstream.type "milvus" is not one of http, echo, litellm'),
        ("index: {type: 'own_parts:Nothing'}", "has no attribute 'Nothing'"),
        ("embedder: {type: 'own_parts:Letters'}", "missing a required argument: 'alphabet'"),
    ],
)
def test_a_part_that_is_not_there_ends_the_start_with_the_choices(
    folder: Path, text: str, told: str
) -> None:
    (folder / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        services.build(load_settings(folder / "config.yaml"))
