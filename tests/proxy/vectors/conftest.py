"""Histories that are closed when the test ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from foveate.proxy.vectors.histories import Histories
from support.histories import Make, histories


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    built: list[Histories] = []

    def build(*given: Any, **named: Any) -> Histories:
        built.append(histories(*given, **named))
        return built[-1]

    yield build
    for made in built:
        await made.aclose()
        made.worker.close()
