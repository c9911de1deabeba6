"""Reading a text takes memory in step with its length, whatever it is made of."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from foveate.policies.features import extract
from foveate.policies.results.instead import read_divided, read_whole

MOST = 45  # bytes a character: strings of two characters take fifty each
LENGTH = 100_000


@pytest.mark.parametrize("read", [extract, read_whole, read_divided])
@pytest.mark.parametrize("unit", ["a.", "x-", "1.", "a/b", "\u0301", "a\u0301", "word ", "#a"])
def test_long_runs_take_no_memory_to_come_back_to(unit: str, read: Callable[[str], object]) -> None:
    text = unit * (LENGTH // len(unit))
    read(unit)  # what is loaded once is no text's doing
    tracemalloc.start()
    try:
        read(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST * len(text)
