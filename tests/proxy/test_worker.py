"""Work is done at once or in the one thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from foveate.proxy.worker import Worker


def where(prefix: str = "") -> str:
    return prefix + threading.current_thread().name


async def test_little_is_done_here_and_much_in_the_thread() -> None:
    worker = Worker()
    assert await worker.run(False, where) == threading.current_thread().name
    found = await asyncio.gather(*(worker.run(True, where, prefix="in ") for _ in range(5)))
    assert len(set(found)) == 1
    assert found[0].startswith("in prune")
    worker.close()


async def test_what_work_raises_is_raised() -> None:
    worker = Worker()
    for much in (True, False):
        with pytest.raises(ZeroDivisionError):
            await worker.run(much, divmod, 1, 0)
    worker.close()


def test_what_is_handed_in_is_done_before_it_is_closed() -> None:
    done: list[int] = []
    worker = Worker()
    worker.submit(done.append, 1)
    worker.close()
    assert done == [1]
