"""What is done to a content, be it a string or a list of parts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.formats.wire.contents import retold, texts_told, with_frame_ahead

COUNTER = TokenCounter("o200k_base")


def test_a_string_is_told_anew() -> None:
    assert retold(b'"all of it"', {0: "some"}) == b'"some"'


def test_of_a_list_only_the_parts_that_are_told_anew_change() -> None:
    parts = b'[{"type":"text", "text":"a", "mark": 1},{"type": "image"}]'
    assert retold(parts, {0: "b"}) == b'[{"type":"text","text":"b","mark":1},{"type": "image"}]'


def test_what_speaks_of_a_text_by_its_characters_is_emptied_where_the_text_changes() -> None:
    parts = b'[{"text":"a","annotations":[7]},{"text":"b","annotations":[8]}]'
    left = json.loads(retold(parts, {0: "c"}, ("annotations", "logprobs")))
    assert left == [{"text": "c", "annotations": []}, {"text": "b", "annotations": [8]}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("words", "frame words"),
        (None, "frame "),
        ([{"type": "text", "text": "words"}], [{"type": "text", "text": "frame words"}]),
        ([{"type": "image"}], [{"type": "text", "text": "frame "}, {"type": "image"}]),
        ([], [{"type": "text", "text": "frame "}]),
        ({"of": "no known form"}, 'frame {"of": "no known form"}'),
    ],
)
def test_a_frame_goes_ahead_and_nothing_is_lost(content: Any, said: Any) -> None:
    assert json.loads(with_frame_ahead(json.dumps(content).encode(), "frame ", "text")) == said


def test_the_texts_of_a_result_are_told_by_the_positions_of_their_parts() -> None:
    parts = [{"type": "image"}, {"type": "text", "text": "one two"}, {"type": "text", "text": 3}]
    (told,) = texts_told(parts, 99, COUNTER)
    assert (told.part, told.text, told.tokens) == (1, "one two", 2)
    assert [told.tokens for told in texts_told("all", 99, COUNTER)] == [99]
    assert texts_told(None, 99, COUNTER) == ()
