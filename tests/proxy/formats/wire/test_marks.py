"""Cache marks are found and left out, whoever's they are and wherever they stand."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.policies.types import MARKS
from foveate.proxy.formats.wire import marks
from support.deciding import read

TEXT = {"type": "text", "text": "words"}


def placed(mark: str) -> list[dict[str, Any]]:
    """Return a message with the mark at each place that it can have."""
    value = {"type": "ephemeral"}
    return [
        {"role": "user", "content": "words", mark: value},
        {"role": "user", "content": [{**TEXT, mark: value}]},
        {"role": "user", "content": [TEXT, {**TEXT, mark: value}]},
    ]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_is_found_on_a_message_and_on_its_parts(mark: str) -> None:
    assert [marks.found(message) for message in placed(mark)] == [mark] * 3


def test_no_mark_is_found_where_none_stands() -> None:
    for content in ("words", None, [], [TEXT], ["words"], 7):
        assert marks.found({"role": "user", "content": content}) == ""
    assert marks.found({"role": "user", "content": [{**TEXT, "cache_control": None}]}) == ""


@pytest.mark.parametrize("mark", MARKS)
def test_nothing_but_the_mark_is_left_out(mark: str) -> None:
    for message in placed(mark):
        left = marks.without(message)
        assert marks.found(left) == ""
        assert left.keys() == {"role", "content"}
    assert marks.without(placed(mark)[2])["content"] == [TEXT, TEXT]


@pytest.mark.parametrize("mark", MARKS)
def test_the_message_that_was_given_stays_as_it_was(mark: str) -> None:
    message = placed(mark)[1]
    marks.without(message)
    assert marks.found(message) == mark


@pytest.mark.parametrize("mark", MARKS)
def test_a_message_is_the_same_with_a_mark_and_without(mark: str) -> None:
    plain = read({"model": "gpt-4o", "messages": [{"role": "user", "content": "words"}]})
    for message in placed(mark)[:2]:
        marked = read({"model": "gpt-4o", "messages": [message]})
        assert marked.items[0].id == plain.items[0].id
        assert marked.segments[0].pin == mark
