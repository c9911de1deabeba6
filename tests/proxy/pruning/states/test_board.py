"""Board that processes share: every one counts, and none outlives its time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foveate.proxy.errors import StateStoreError
from foveate.proxy.pruning.states.board import Board
from foveate.proxy.pruning.states.in_memory import InMemoryStates

ROOT = Path(__file__).parents[4]
ADDING = """
import sys
from pathlib import Path
from foveate.proxy.pruning.states.board import Board
board = Board(Path(sys.argv[1]))
for _ in range(200):
    board.add("a", 1, 60)
"""


def test_what_several_processes_add_is_all_there(tmp_path: Path) -> None:
    path = tmp_path / "n.sqlite3"
    environment = {"PYTHONPATH": str(ROOT / ".package")}
    command = [sys.executable, "-c", ADDING, str(path)]
    for process in [subprocess.Popen(command, env=environment) for _ in range(3)]:
        assert process.wait(30) == 0
    assert Board(path).add("a", 0, 60) == 600


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateStoreError):
        Board(tmp_path).add("a", 1, 60)


async def test_numbers_in_memory_begin_anew_once_their_time_is_over() -> None:
    store = InMemoryStates(1, 1)
    assert [await store.add("a", n, 60) for n in (1, 2)] == [1, 3]
    for n in range(InMemoryStates.NUMBERS + 5):
        await store.add(f"old {n}", 1, -1)
    assert await store.add("old 1", 1, 60) == 1
