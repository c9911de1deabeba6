"""Work is done at once or in the one thread."""

from __future__ import annotations

import asyncio
import threading
import time

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


async def test_who_has_the_least_left_goes_first_and_comes_in_between() -> None:
    worker = Worker()
    done: list[str] = []

    async def work(name: str, slices: int) -> None:
        for left in range(slices, 0, -1):
            await worker.run_slice(left, done.append, name)

    await asyncio.gather(work("much", 4), work("as much", 4), work("little", 1))
    assert done == ["much", "little", *["much"] * 3, *["as much"] * 4]
    worker.close()


async def test_a_turn_that_is_given_up_or_fails_is_passed_on() -> None:
    worker = Worker()
    done: list[str] = []
    first = asyncio.ensure_future(worker.run_slice(3, time.sleep, 0.05))
    failing = asyncio.ensure_future(worker.run_slice(1, divmod, 1, 0))
    waiting = asyncio.ensure_future(worker.run_slice(2, done.append, "given up"))
    last = asyncio.ensure_future(worker.run_slice(4, done.append, "last"))
    await asyncio.sleep(0)
    first.cancel()
    waiting.cancel()
    await asyncio.wait_for(last, 10)
    with pytest.raises(ZeroDivisionError):
        await failing
    await worker.run_slice(1, done.append, "later")
    assert done == ["last", "later"]
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
