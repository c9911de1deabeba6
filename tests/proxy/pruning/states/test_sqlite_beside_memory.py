"""Decisions in a file: what fails there, and who has to wait for it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from foveate.proxy.pruning.states.sqlite import BATCH, SqliteStates


@pytest.fixture
def broken(tmp_path: Path) -> SqliteStates:
    """A store whose file has lost its table since."""
    store = SqliteStates(tmp_path, 1, 1)
    with closing(sqlite3.connect(tmp_path / "states.sqlite3")) as other:
        other.execute("DROP TABLE states")
        other.commit()
    return store


async def test_what_memory_holds_is_found_though_the_file_fails(broken: SqliteStates) -> None:
    await broken.put("b", b"decided")
    assert await broken.first(["a", "b"]) == (1, b"decided")
    await broken.aclose()


async def test_looking_for_a_long_history_holds_up_nobody(tmp_path: Path) -> None:
    store = SqliteStates(tmp_path, 1, 1)
    served: list[int] = []

    async def serve() -> None:
        for n in range(3):
            await asyncio.sleep(0)
            served.append(n)

    others = asyncio.create_task(serve())
    await store.first([f"key {n}" for n in range(5 * BATCH)])
    assert served
    await others
    await store.aclose()
