"""The indexes keep what they are given, by tenant."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.parts import word_vector

from proxy.errors import ConfigError
from proxy.indexes import Entry, VectorIndex
from proxy.indexes.chroma import Chroma
from proxy.indexes.in_memory import InMemory


ROOT = Path(__file__).parents[3]


def entry(key: str, text: str = "words") -> Entry:
    return Entry(key, word_vector(text), "conversation", "user", 7, 1_700_000_000)


@pytest.fixture(params=["chroma", "in_memory"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorIndex]:
    made: dict[str, Callable[[], VectorIndex]] = {"chroma": lambda: Chroma("words", tmp_path), "in_memory": InMemory}
    opened = made[request.param]()
    opened.open()
    yield opened
    opened.close()


def test_what_is_stored_is_found(index: VectorIndex) -> None:
    index.upsert("t", [entry("a", "red"), entry("b", "blue")])
    found = index.get("t", ["a", "b", "c"])
    assert found.keys() == {"a", "b"}
    assert np.allclose(found["a"].vector, word_vector("red"), atol=1e-6)
    assert (found["a"].id, found["a"].kind, found["a"].role) == ("a", "conversation", "user")
    assert (found["a"].tokens, found["a"].first_seen) == (7, 1_700_000_000)


def test_an_id_stored_again_is_replaced(index: VectorIndex) -> None:
    index.upsert("t", [entry("a", "red")])
    index.upsert("t", [entry("a", "blue")])
    assert np.allclose(index.get("t", ["a"])["a"].vector, word_vector("blue"), atol=1e-6)


def test_tenants_never_meet(index: VectorIndex) -> None:
    index.upsert("t1", [entry("a", "red")])
    assert index.get("t2", ["a"]) == {}
    index.upsert("t2", [entry("a", "blue")])
    assert np.allclose(index.get("t1", ["a"])["a"].vector, word_vector("red"), atol=1e-6)


def test_asking_for_nothing_and_storing_nothing_is_fine(index: VectorIndex) -> None:
    index.upsert("t", [])
    assert index.get("t", []) == {}


def test_a_large_batch_is_stored_whole(index: VectorIndex) -> None:
    keys = [f"k{n}" for n in range(6000)]
    vector = word_vector("x")
    index.upsert("t", [Entry(k, vector, "code", "user", 1, 1) for k in keys])
    assert index.get("t", keys).keys() == set(keys)


def test_chroma_outlives_a_reopening(tmp_path: Path) -> None:
    for turn in range(2):
        index = Chroma("words", tmp_path)
        index.open()
        if not turn:
            index.upsert("t", [entry("a", "red")])
        else:
            assert np.allclose(index.get("t", ["a"])["a"].vector, word_vector("red"), atol=1e-6)
        index.close()


def test_chroma_keeps_embedders_apart(tmp_path: Path) -> None:
    one, other = Chroma("words", tmp_path), Chroma("other", tmp_path)
    one.open()
    other.open()
    one.upsert("t", [entry("a")])
    assert other.get("t", ["a"]) == {}


def test_chroma_says_that_its_folder_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "chroma"
    index = Chroma("words", folder)
    index.open()
    index.upsert("t", [entry("a")])
    shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError, match="chroma"):
        index.get("t", ["a"])


@pytest.mark.parametrize("content", [b"rubbish" * 2000, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_chroma_refuses_a_corrupted_database(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "chroma.sqlite3").write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path))):
        Chroma("words", tmp_path).open()


def test_chroma_refuses_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"http://127\.0\.0\.1:1"):
        Chroma("words", tmp_path, "http://127.0.0.1:1").open()


def test_chroma_writes_no_text(tmp_path: Path) -> None:
    index = Chroma("words", tmp_path)
    index.open()
    index.upsert("t", [entry("a", "xylophone")])
    index.close()
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and b"xylophone" in f.read_bytes()]


def test_in_memory_forgets_the_oldest_beyond_its_bound() -> None:
    index = InMemory(max_entries=2)
    index.upsert("t", [entry("a"), entry("b"), entry("c")])
    assert index.get("t", ["a", "b", "c"]).keys() == {"b", "c"}


HEAP = """
import sys
from pathlib import Path
import numpy as np
from proxy import memory
from proxy.indexes import Entry
from proxy.indexes.chroma import Chroma

memory.tune(memory.M_ARENA_MAX, 1)  # one heap for all threads: what one has freed another one takes
vectors = np.random.default_rng(1).random((20, 384), dtype=np.float32)
del_me = bytearray(8 << 20)
del del_me  # glibc serves blocks up to this size from the heap from now on
for n in range(5):
    index = Chroma(f"heap{n}", Path(sys.argv[1]))
    index.open()
    said = [b"xylophone" * (size // 9) for size in range(100_000, 400_000, 5000)]
    del said
    index.upsert("t", [Entry(f"{i:032x}", v, "conversation", "user", 1, 1) for i, v in enumerate(vectors)])
    index.close()
"""


def test_chroma_writes_nothing_of_what_memory_held_before(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", HEAP, str(tmp_path)], check=True, cwd=ROOT)
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert any(f.name == "data_level0.bin" for f in files)
    assert not [f for f in files if b"xylophone" in f.read_bytes()]
