"""Futures that are late or broken."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from foveate.proxy.vectors.faults import Faults, has_result, in_time


async def failed(error: BaseException) -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


async def test_a_future_in_time_has_a_result_and_one_that_failed_never() -> None:
    loop = asyncio.get_running_loop()
    done, never, cancelled = loop.create_future(), loop.create_future(), loop.create_future()
    done.set_result(None)
    cancelled.cancel()
    assert await in_time(done, time.monotonic())
    assert not await in_time(never, time.monotonic() + 0.01)
    assert not await in_time(await failed(OSError()), time.monotonic() + 60)
    assert not has_result(cancelled)
    assert not never.cancelled(), "it goes on"


async def test_each_kind_of_fault_is_told_once_and_every_one_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = Faults()
    with caplog.at_level(logging.WARNING):
        for error in (OSError("one"), OSError("two"), RuntimeError("three")):
            faults.watch("index", await failed(error))
        faults.watch("embedder", await failed(OSError("four")))
        await asyncio.sleep(0)
    assert faults.counts == {"embedder": 1, "index": 3, "writing": 0}
    assert [r.getMessage().rpartition(": ")[2] for r in caplog.records] == ["one", "three", "four"]
