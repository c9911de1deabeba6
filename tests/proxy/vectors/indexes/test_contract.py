"""What every index promises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foveate.policies.types import Vectors
from foveate.proxy.errors import ConfigError, VectorIndexError
from foveate.proxy.vectors.indexes import Entry, Only, VectorIndex
from foveate.proxy.vectors.indexes.chroma import Chroma
from support.indexes import Make, chroma_run, free_port
from support.parts import word_vector
from support.pinecone import KEY, StandIn, pinecone_running

NOW = 1_700_000_000


def entry(key: str, text: str = "words") -> Entry:
    return Entry(key, word_vector(text), NOW, 3)


def directions(count: int) -> Vectors:
    """Return unit vectors that point anywhere."""
    rows = np.random.default_rng(1).normal(size=(count, 64)).astype(np.float32)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def told(entry: Entry) -> tuple[object, ...]:
    return (entry.id, entry.first_seen, entry.recalls, entry.kind, entry.role, entry.tokens,
            entry.topic, entry.conversation)  # fmt: skip


def test_what_is_stored_is_found(index: VectorIndex) -> None:
    index.upsert("t", [entry("a", "red"), entry("b", "blue")])
    found = index.get("t", ["a", "b", "c"])
    assert found.keys() == {"a", "b"}
    assert np.allclose(found["a"].vector, word_vector("red"), atol=1e-6)


def test_all_that_is_known_of_an_entry_is_kept(index: VectorIndex) -> None:
    given = Entry("a", word_vector("red"), NOW, 2, "code", "user", 41, 5, "talk")
    index.upsert("t", [given])
    assert told(index.get("t", ["a"])["a"]) == told(given)


def test_an_id_stored_again_is_replaced(index: VectorIndex) -> None:
    index.upsert("t", [entry("a", "red")])
    index.upsert("t", [replace(entry("a", "blue"), recalls=9)])
    found = index.get("t", ["a"])["a"]
    assert np.allclose(found.vector, word_vector("blue"), atol=1e-6)
    assert found.recalls == 9
    assert list(index.search("t", word_vector("blue"), 5)) == ["a"]


def test_tenants_never_meet(index: VectorIndex) -> None:
    index.upsert("t1", [entry("a", "red")])
    assert index.get("t2", ["a"]) == {}
    assert index.search("t2", word_vector("red"), 5) == {}
    assert index.search("t2", word_vector("red"), 5, Only(ids=["a"])) == {}
    index.upsert("t2", [entry("a", "blue")])
    assert np.allclose(index.get("t1", ["a"])["a"].vector, word_vector("red"), atol=1e-6)
    assert index.search("t1", word_vector("red"), 5)["a"] == pytest.approx(1.0, abs=1e-5)
    assert index.search("t2", word_vector("blue"), 5)["a"] == pytest.approx(1.0, abs=1e-5)


def test_asking_for_nothing_and_storing_nothing_is_fine(index: VectorIndex) -> None:
    index.upsert("t", [])
    assert index.get("t", []) == {}
    assert index.search("t", word_vector("red"), 5) == {}
    assert index.search("t", word_vector("red"), 5, Only(ids=[])) == {}
    index.delete([])


def test_a_large_batch_is_stored_whole(index: VectorIndex) -> None:
    size = 1200 if type(index).__name__ == "Qdrant" else 6000  # its local mode writes 60 a second
    keys = [f"k{n}" for n in range(size)]
    rows = directions(size)
    index.upsert("t", [Entry(k, row, 1) for k, row in zip(keys, rows, strict=True)])
    assert index.get("t", keys).keys() == set(keys)
    assert index.search("t", rows[0], size, Only(ids=keys)).keys() == set(keys)


def test_a_search_finds_the_most_similar_first(index: VectorIndex) -> None:
    rows = directions(300)
    index.upsert("t", [Entry(f"k{n}", row, NOW) for n, row in enumerate(rows)])
    index.upsert("u", [Entry(f"k{n}", -row, NOW) for n, row in enumerate(rows)])
    cosines = rows @ rows[7]
    found = index.search("t", rows[7], 20)
    assert list(found) == [f"k{n}" for n in np.argsort(-cosines)[:20]]
    assert np.allclose(list(found.values()), np.sort(cosines)[::-1][:20], atol=1e-4)
    some = index.search("t", rows[7], 300, Only(ids=[f"k{n}" for n in range(100)] + ["absent"]))
    assert some == pytest.approx({f"k{n}": cosines[n] for n in range(100)}, abs=1e-4)


FILTERS = [
    (Only(), "abcd"),
    (Only(ids=["a", "d", "x"]), "ad"),
    (Only(conversation="one"), "ab"),
    (Only(kinds=["code", "log"]), "bc"),
    (Only(roles=["tool"]), "cd"),
    (Only(topic=0), "ac"),
    (Only(since=NOW + 2), "cd"),
    (Only(until=NOW + 1), "ab"),
    (Only(ids=["a", "b", "c"], conversation="two"), "c"),
    (Only(conversation="one", kinds=["code"], since=NOW, until=NOW + 9, topic=1), "b"),
    (Only(conversation="three"), ""),
]


def test_a_search_finds_what_agrees_with_all_that_is_given(index: VectorIndex) -> None:
    kinds, roles = ["conversation", "code", "log", "conversation"], ["user", "user", "tool", "tool"]
    talks, topics = ["one", "one", "two", "two"], [0, 1, 0, 1]
    index.upsert("t", [
        Entry(key, word_vector("red"), NOW + n, 0, kinds[n], roles[n], 9, topics[n], talks[n])
        for n, key in enumerate("abcd")
    ])  # fmt: skip
    for only, expected in FILTERS:
        assert "".join(sorted(index.search("t", word_vector("red"), 9, only))) == expected, only


def test_what_is_deleted_is_gone_and_what_is_not_there_is_no_fault(index: VectorIndex) -> None:
    index.upsert("t", [entry("a"), entry("b")])
    index.upsert("u", [entry("a")])
    index.delete([("t", "a"), ("t", "x")])
    assert index.get("t", ["a", "b"]).keys() == {"b"}
    assert index.get("u", ["a"]).keys() == {"a"}
    assert index.search("t", word_vector("words"), 5).keys() == {"b"}


def test_what_is_too_old_expires_before_what_is_too_much(index: VectorIndex) -> None:
    index.upsert("t", [Entry(key, word_vector(key), NOW + n) for n, key in enumerate("abc")])
    index.upsert("t", [Entry("old", word_vector("old"), NOW - 10)])
    assert list(index.expired(max_entries=2, oldest=NOW)) == [("t", "old")]
    index.delete([("t", "old")])
    assert list(index.expired(max_entries=2, oldest=NOW)) == [("t", "a")]
    assert list(index.expired(max_entries=3, oldest=NOW)) == []
    assert index.get("t", ["a"]), "nothing goes before it is deleted"


def test_what_is_known_to_be_stored_is_all_there_is(index: VectorIndex) -> None:
    index.upsert("t", [entry("a"), entry("b")])
    index.upsert("u", [entry("a")])
    known = index.ids()
    assert known is None or sorted(known) == [("t", "a"), ("t", "b"), ("u", "a")]


def test_it_outlives_a_reopening(make: Make) -> None:
    first = make()
    first.open()
    first.upsert("t", [Entry("a", word_vector("red"), NOW, 2, "code", "user", 41, 5, "talk")])
    first.close()
    again = make()
    again.open()
    assert told(again.get("t", ["a"])["a"])[1:] == (NOW, 2, "code", "user", 41, 5, "talk")
    assert again.search("t", word_vector("red"), 5)["a"] == pytest.approx(1.0, abs=1e-5)
    again.upsert("t", [entry("b", "blue")])
    assert again.get("t", ["a", "b"]).keys() == {"a", "b"}
    again.close()


def test_a_server_that_dies_and_comes_back_is_asked_again(tmp_path: Path) -> None:
    port = free_port()
    with chroma_run(tmp_path, port) as url:
        index = Chroma("words", tmp_path, url)
        index.open()
        index.upsert("t", [entry("a", "red")])
    with pytest.raises((VectorIndexError, OSError)):
        index.search("t", word_vector("red"), 5)
    with chroma_run(tmp_path, port):
        assert index.search("t", word_vector("red"), 5).keys() == {"a"}


def test_a_pinecone_that_fails_says_so_and_is_asked_again() -> None:
    pytest.importorskip("pinecone", reason="pip install 'foveate[pinecone]'")
    from foveate.proxy.vectors.indexes.pinecone import Pinecone

    kept, port = StandIn(), free_port()
    with pinecone_running(kept, port) as url:
        index = Pinecone("words", url, KEY)
        index.open()
        index.upsert("t", [entry("a", "red")])
        assert list(kept.spaces) == ["words.t"], "a namespace for each tenant"
        kept.status = 403
        with pytest.raises(VectorIndexError, match="Pinecone"):
            index.get("t", ["a"])
        kept.status = 0
    with pytest.raises(VectorIndexError):
        index.search("t", word_vector("red"), 5)
    with pinecone_running(kept, port):
        assert index.search("t", word_vector("red"), 5).keys() == {"a"}


@pytest.mark.parametrize(
    ("url", "key", "told"), [("", "k", "index.url"), ("http://x", "", "index.key")]
)
def test_what_pinecone_needs_is_named(url: str, key: str, told: str) -> None:
    pytest.importorskip("pinecone", reason="pip install 'foveate[pinecone]'")
    from foveate.proxy.vectors.indexes.pinecone import Pinecone

    with pytest.raises(ConfigError, match=f"{told} is empty"):
        Pinecone("words", url, key).open()


def test_a_qdrant_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("qdrant_client", reason="pip install 'foveate[qdrant]'")
    from foveate.proxy.vectors.indexes.qdrant import Qdrant

    with pytest.raises(ConfigError, match=r"http://127\.0\.0\.1:1"):
        Qdrant("words", tmp_path, "http://127.0.0.1:1").open()
