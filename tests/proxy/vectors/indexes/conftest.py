"""Every index in turn, opened on a place of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from foveate.proxy.vectors.indexes import VectorIndex
from support.indexes import INDEXES, Make, maker


@pytest.fixture(params=INDEXES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:
        yield maker(request.param, tmp_path / "index", stack)


@pytest.fixture
def index(make: Make) -> Iterator[VectorIndex]:
    opened = make()
    opened.open()
    yield opened
    opened.close()
