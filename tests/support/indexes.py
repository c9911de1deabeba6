"""Every index that there is, each opened on a place of its own as often as a test likes."""

from __future__ import annotations

import atexit
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from foveate.proxy.vectors.indexes import VectorIndex
from foveate.proxy.vectors.indexes.apart import Apart
from foveate.proxy.vectors.indexes.chroma import Chroma
from foveate.proxy.vectors.indexes.in_memory import InMemory
from support.pinecone import KEY, StandIn, pinecone_running

Make = Callable[[], VectorIndex]


def chroma(folder: Path, stack: ExitStack) -> Make:
    """Embedded, in this process."""
    return lambda: Chroma("words", folder)


def apart(folder: Path, stack: ExitStack) -> Make:
    """Embedded, in a process of its own."""
    return lambda: Apart(partial(Chroma, "words", folder))


def chroma_server(folder: Path, stack: ExitStack) -> Make:
    """A `chroma run` server, the same for all tests; each has a collection of its own."""
    name = f"words-{time.time_ns()}"
    return lambda: Chroma(name, folder, shared_server())


def in_memory(folder: Path, stack: ExitStack) -> Make:
    """One that lives as long as the test."""
    kept = InMemory()
    return lambda: kept


def qdrant(folder: Path, stack: ExitStack) -> Make:
    """Its local mode."""
    from foveate.proxy.vectors.indexes.qdrant import Qdrant

    return lambda: Qdrant("words", folder)


def faiss(folder: Path, stack: ExitStack) -> Make:
    """In this process."""
    from foveate.proxy.vectors.indexes.faiss import Faiss

    return lambda: Faiss("words", folder)


def pinecone(folder: Path, stack: ExitStack) -> Make:
    """Its client, and a stand-in for the service."""
    from foveate.proxy.vectors.indexes.pinecone import Pinecone

    url = stack.enter_context(pinecone_running(StandIn()))
    return lambda: Pinecone("words", url, KEY)


INDEXES: dict[str, Callable[[Path, ExitStack], Make]] = {
    "chroma": chroma, "apart": apart, "chroma_server": chroma_server, "in_memory": in_memory,
    "qdrant": qdrant, "faiss": faiss, "pinecone": pinecone,
}  # fmt: skip
# The module that an index needs, and its extra
NEEDS = {
    "qdrant": ("qdrant_client", "qdrant"), "faiss": ("faiss", "faiss"), "pinecone": ("pinecone", "pinecone"),
}  # fmt: skip


def maker(name: str, folder: Path, stack: ExitStack) -> Make:
    """Return what makes an index, not opened; skips where its extra is not installed."""
    module, extra = NEEDS.get(name, ("", ""))
    if module and find_spec(module) is None:
        pytest.skip(f"{module} is not installed: pip install 'foveate[{extra}]'")
    return INDEXES[name](folder, stack)


@cache
def shared_server() -> str:
    """Return the address of a Chroma server that runs as long as the tests."""
    stack = ExitStack()
    folder = stack.enter_context(TemporaryDirectory())
    url = stack.enter_context(chroma_run(Path(folder)))
    atexit.register(stack.close)
    return url


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def chroma_run(folder: Path, port: int = 0) -> Iterator[str]:
    """Run a Chroma server on a folder, and give its address."""
    port = port or free_port()
    program = "from chromadb.cli.cli import app; app()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "run", "--path", str(folder), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/api/v2/heartbeat", process)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, "the server has ended"
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")
