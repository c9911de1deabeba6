"""A store that answers is waited for; one that hangs, fails or is always slow is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from foveate.proxy.pruning.memory import Memory
from foveate.proxy.pruning.states.in_memory import InMemoryStates
from foveate.proxy.pruning.states.patience import LONG, OFTEN, SHORT, Patience


def test_a_store_of_which_nothing_is_known_holds_a_request_up_for_fifty_milliseconds() -> None:
    assert Patience(1).asked() == SHORT
    assert 2 * SHORT <= 0.05  # one look-up and one note


def test_one_that_has_answered_is_waited_for_and_a_late_answer_costs_no_pause() -> None:
    waiting = Patience(1000)
    waiting.asked()
    waiting.answered(in_time=True)
    assert waiting.asked() == LONG
    waiting.late()
    assert not waiting.is_over()
    waiting.answered(in_time=False)
    assert waiting.asked() == LONG


def test_one_that_is_late_every_time_is_left_alone() -> None:
    waiting = Patience(1000)
    waiting.answered(in_time=True)
    for _ in range(OFTEN):
        waiting.answered(in_time=False)
        assert not waiting.is_over()
        waiting.asked()
        waiting.late()
    assert waiting.is_over()
    assert waiting.asked() == SHORT


def test_one_that_falls_silent_is_left_alone() -> None:
    waiting = Patience(1000, silence=-1)
    waiting.answered(in_time=True)
    waiting.asked()
    waiting.late()
    assert waiting.is_over()


def test_one_that_fails_is_asked_again_after_the_pause() -> None:
    waiting = Patience(0)
    waiting.failed()
    assert not waiting.is_over()
    assert waiting.asked() == SHORT


async def test_a_process_that_was_busy_itself_takes_the_answer_that_lies_there() -> None:
    """The loop is held up for longer than anybody would wait, while the store has long answered."""

    class Store(InMemoryStates):
        remote = True

        async def add(self, key: str, amount: int, seconds: int) -> int:
            asyncio.get_running_loop().call_soon(time.sleep, 4 * SHORT)
            for _ in range(5):  # as many turns of the loop as a reply takes to be read
                await asyncio.sleep(0)
            return 7

        async def first(self, keys: Iterable[str]) -> tuple[int, bytes] | None:
            return None

    memory = Memory(Store(1, 1))
    assert await memory.count("a", 1, 60) == 7
    assert memory.failures == 0
