"""What one index has that the others have not; what all promise is in test_contract.py."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from foveate.proxy.errors import ConfigError, VectorIndexError
from foveate.proxy.vectors.indexes import Entry, VectorIndex
from foveate.proxy.vectors.indexes.apart import Apart
from foveate.proxy.vectors.indexes.building import IndexPlace, build_index
from foveate.proxy.vectors.indexes.chroma import Chroma
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.parts import word_vector
from support.upstream import until

ROOT = Path(__file__).parents[4]


def entry(key: str, text: str = "words") -> Entry:
    return Entry(key, word_vector(text), 1_700_000_000, 3)


def test_chroma_keeps_embedders_apart(tmp_path: Path) -> None:
    one, other = Chroma("words", tmp_path), Chroma("other", tmp_path)
    one.open()
    other.open()
    one.upsert("t", [entry("a")])
    assert other.get("t", ["a"]) == {}


def faiss_index(folder: Path) -> VectorIndex:
    pytest.importorskip("faiss", reason="pip install 'foveate[faiss]'")
    from foveate.proxy.vectors.indexes.faiss import Faiss

    return Faiss("words", folder)


ON_DISK = {"chroma": lambda folder: Chroma("words", folder), "faiss": faiss_index}


@pytest.mark.parametrize("kind", ON_DISK)
def test_a_folder_that_is_taken_away_is_begun_anew(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "index"
    index = ON_DISK[kind](folder)
    index.open()
    index.upsert("t", [entry("a")])
    shutil.rmtree(folder)
    with pytest.raises(VectorIndexError, match="begun anew"):
        index.get("t", ["a"])
    assert index.get("t", ["a"]) == {}
    index.upsert("t", [entry("b")])
    assert index.search("t", word_vector("words"), 5).keys() == {"b"}
    index.close()


@pytest.mark.parametrize("kind", ON_DISK)
@pytest.mark.parametrize("content", [b"rubbish" * 2000, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_corrupted_index_is_set_aside_and_begun_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, content: bytes
) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    name = {"chroma": "chroma.sqlite3", "faiss": "foveate-words.sqlite3"}[kind]
    (folder / name).write_bytes(content)
    index = ON_DISK[kind](folder)
    index.open()
    index.upsert("t", [entry("a")])
    assert index.get("t", ["a"]).keys() == {"a"}
    index.close()
    (aside,) = tmp_path.glob("index.broken-*")
    assert (aside / name).read_bytes() == content
    assert "is set aside as" in caplog.text


def test_an_index_that_is_corrupted_while_it_is_open_is_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    apart = Apart(partial(Chroma, "words", folder))
    apart.open()
    apart.upsert("t", [Entry(f"k{n}", word_vector(f"word {n}"), n) for n in range(500)])
    content = bytearray((folder / "chroma.sqlite3").read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    (folder / "chroma.sqlite3").write_bytes(content)
    for n in range(6):
        with suppress(VectorIndexError):
            apart.upsert("t", [entry(f"new{n}")])
    apart.upsert("t", [entry("last")])
    assert apart.get("t", ["last"]).keys() == {"last"}
    apart.close()


@pytest.mark.parametrize("why", ["database disk image is malformed", "Failed to get segments"])
def test_an_index_whose_tables_cannot_be_read_is_begun_anew(tmp_path: Path, why: str) -> None:
    index = Chroma("words", tmp_path)
    index.open()

    def fail(**_: object) -> None:
        raise ValueError(f"Error getting collection: {why}")

    index._faults = (ValueError,)
    index._collection.upsert = fail
    with pytest.raises(VectorIndexError, match="begun anew"):
        index.upsert("t", [entry("a")])
    index.upsert("t", [entry("b")])
    assert index.get("t", ["b"]).keys() == {"b"}
    index.close()


def test_chroma_refuses_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"http://127\.0\.0\.1:1"):
        Chroma("words", tmp_path, "http://127.0.0.1:1").open()


def test_chroma_writes_no_text(tmp_path: Path) -> None:
    index = Chroma("words", tmp_path)
    index.open()
    index.upsert("t", [entry("a", "xylophone")])
    index.close()
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and b"xylophone" in f.read_bytes()]


def test_chroma_reads_what_an_earlier_version_has_stored_with_more(tmp_path: Path) -> None:
    index = Chroma("words", tmp_path)
    index.open()
    index._collection.upsert(
        ids=["t:a"],
        embeddings=[word_vector("red")],
        metadatas=[{"kind": "code", "first_seen": 5, "recalls": 0}],
    )
    assert index.get("t", ["a"])["a"].first_seen == 5


def test_chroma_refuses_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "chroma").write_text("in the way")
    with pytest.raises(ConfigError, match="chroma"):
        Chroma("words", tmp_path / "chroma").open()


class Mine(InMemory):
    """An index of a user's own."""

    def __init__(self, collection: str, folder: Path, url: str, metric: str = "cosine") -> None:
        super().__init__()
        self.given = (collection, folder, url, metric)


def test_an_index_is_named_by_our_list_or_by_its_module(tmp_path: Path) -> None:
    assert isinstance(build_index("in_memory", "words", IndexPlace(tmp_path), {}), InMemory)
    assert isinstance(build_index("chroma", "words", IndexPlace(tmp_path), {}), Apart)
    made = build_index(f"{__name__}:Mine", "words", IndexPlace(tmp_path, "http://x"), {"metric": "l2"})
    assert isinstance(made, Mine)
    assert made.given == ("words", tmp_path, "http://x", "l2")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("milvus", 'index.type "milvus" is not one of chroma, qdrant, faiss, pinecone, in_memory'),
        (
            "no_such_module:Index",
            'index.type "no_such_module:Index" cannot be imported: No module named',
        ),
        (f"{__name__}:Absent", "cannot be imported: .*no attribute 'Absent'"),
    ],
)
def test_an_index_that_is_not_there_is_named_with_the_choices(
    tmp_path: Path, kind: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        build_index(kind, "words", IndexPlace(tmp_path), {})


def test_an_option_that_an_index_does_not_take_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"index: .*Chroma.* cannot be built .*'colour'"):
        build_index("chroma", "words", IndexPlace(tmp_path), {"colour": "red"})


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    made = Apart(partial(Chroma, "words", tmp_path))
    made.open()
    yield made
    made.close()


def test_an_index_apart_tells_what_it_holds(apart: Apart) -> None:
    apart.upsert("t1", [entry("a", "red"), entry("b")])
    apart.upsert("t2", [entry("a")])
    assert sorted(apart.ids() or ()) == [("t1", "a"), ("t1", "b"), ("t2", "a")]
    assert np.allclose(apart.get("t1", ["a", "x"])["a"].vector, word_vector("red"), atol=1e-6)
    assert len(apart.expired(max_entries=1, oldest=0)) == 2


def test_an_index_whose_process_has_ended_is_begun_anew_and_that_is_told(
    apart: Apart, caplog: pytest.LogCaptureFixture
) -> None:
    apart.upsert("t", [entry("a", "red")])
    assert apart._process is not None
    apart._process.kill()
    apart._process.wait()
    for _ in range(2):
        assert apart.get("t", ["a"]).keys() == {"a"}, "what is stored is on disk"
    told = "the index's process had ended (exit -9); it is begun anew"
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [told]


def test_an_index_whose_process_ends_while_it_is_asked_says_so(apart: Apart) -> None:
    assert apart._process is not None
    apart._process.send_signal(signal.SIGSTOP)
    killer = threading.Timer(0.3, apart._process.kill)
    killer.start()
    with pytest.raises(VectorIndexError, match="has ended"):
        apart.get("t", ["a"])
    assert apart.get("t", ["a"]) == {}


def test_an_index_whose_process_hangs_is_ended_and_begun_anew(
    apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart.upsert("t", [entry("a", "red")])
    assert apart._process is not None
    apart._process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr("foveate.proxy.vectors.indexes.apart.HUNG", 0.2)
    with pytest.raises(VectorIndexError, match="has ended"):
        apart.get("t", ["a"])
    monkeypatch.undo()
    assert apart.get("t", ["a"]).keys() == {"a"}


def test_an_index_that_cannot_be_opened_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "chroma").write_text("in the way")
    apart = Apart(partial(Chroma, "words", tmp_path / "chroma"))
    for _ in range(2):
        with pytest.raises(ConfigError, match=re.escape(str(tmp_path))):
            apart.open()
        assert apart._process is None


def test_modules_in_the_working_folder_are_not_the_indexs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("proxy", "random", "chromadb"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    apart = Apart(partial(Chroma, "words", tmp_path / "data"))
    apart.open()
    apart.upsert("t", [entry("a")])
    apart.close()


def test_an_index_ends_with_the_process_that_uses_it(tmp_path: Path) -> None:
    script = (
        "import os, sys; from functools import partial; from pathlib import Path;"
        "from foveate.proxy.vectors.indexes.apart import Apart;"
        "from foveate.proxy.vectors.indexes.chroma import Chroma;"
        "a = Apart(partial(Chroma, 'words', Path(sys.argv[1]))); a.open();"
        "print(a._process.pid, flush=True); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT / ".package",
        capture_output=True,
        check=False,
    )
    pid = int(done.stdout)
    until(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


HEAP = """
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
import numpy as np
from foveate.proxy import process
from foveate.proxy.vectors.indexes import Entry
from foveate.proxy.vectors.indexes.apart import Apart
from foveate.proxy.vectors.indexes.chroma import Chroma

process.tune(process.M_ARENA_MAX, 1)  # one heap for all threads: what one has freed another one takes
vectors = np.random.default_rng(1).random((20, 384), dtype=np.float32)
freed = bytearray(8 << 20)
del freed  # glibc serves blocks up to this size from the heap from now on
for n in range(5):
    index = Apart(partial(Chroma, f"heap{n}", Path(sys.argv[1])))
    index.open()
    said = [b"xylophone" * (size // 9) for size in range(100_000, 400_000, 5000)]
    del said
    index.upsert("t", [Entry(f"{i:032x}", v, 1) for i, v in enumerate(vectors)])
    index.close()
"""


def test_nothing_is_written_of_what_memory_held_before(tmp_path: Path) -> None:
    """Chroma writes its file with room for vectors to come, as the memory was found."""
    subprocess.run([sys.executable, "-c", HEAP, str(tmp_path)], check=True, cwd=ROOT / ".package")
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert any(f.name == "data_level0.bin" for f in files)
    assert not [f for f in files if b"xylophone" in f.read_bytes()]
