"""Which results a later one stands for."""

from __future__ import annotations

import pytest

from foveate.policies.results.cutting import superseded
from foveate.policies.types import Segment, ToolResult
from support.conversations import segment

WHOLE = 'read {"path": "src/a.py"}'
PART = 'read {"path": "src/a.py", "offset": 10, "limit": 50}'
OTHER = 'read {"path": "src/b.py"}'


def unit(item: int, call: str, text: str = "text " * 100) -> Segment:
    result = ToolResult((item, 0, 0), text, 100, call.partition(" ")[0], call)
    return segment(call, role="assistant", key=(item, 0, -1), results=(result,))


@pytest.mark.parametrize(
    ("earlier", "later", "stands"),
    [
        (WHOLE, WHOLE, True),
        (PART, PART, True),
        (PART, WHOLE, True),
        (WHOLE, PART, False),
        (WHOLE, OTHER, False),
        (WHOLE, 'edit {"path": "src/a.py"}', False),
        ('read {"a": "x", "path": "p"}', 'read {"path": "p", "a": "x"}', True),
        ("bash ls -R", "bash ls -R", True),
        ("bash ls -R", "bash ls", False),
        ("", "", False),
    ],
)
def test_a_later_result_stands_for_an_earlier_one_of_the_same_or_of_more(
    earlier: str, later: str, stands: bool
) -> None:
    found = superseded([unit(1, earlier), unit(3, later)])
    assert found == ({(1, 0, 0)} if stands else set())


def test_a_brief_result_stands_for_nothing() -> None:
    later = unit(3, WHOLE, "Error: the file is locked")
    assert superseded([unit(1, WHOLE), later]) == frozenset()
