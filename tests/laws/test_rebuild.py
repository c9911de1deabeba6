"""Whatever is kept, the request stays valid and what it holds is the caller's own."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.policies.seams import MARK_TOKENS
from foveate.proxy.formats.wire.text import split
from laws.strategies import conversations, long_texts, plain, to_bytes
from support.conversations import body, count, own, problems
from support.deciding import memo, parse, read, rebuild, rebuilt

MARK = re.compile(r"\n?\[\.\.\. [\d,]+ tokens left out \.\.\.\]\n?")


def subset(data: st.DataObject, size: int) -> set[int]:
    return {
        i
        for i, keep in enumerate(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
        if keep
    }


@settings(max_examples=150)
@given(conversations(last="any"), st.data())
def test_any_selection_rebuilds_to_a_valid_request(
    messages: list[dict[str, Any]], data: st.DataObject
) -> None:
    assert problems(messages) == []
    parsed = read(body(messages), split_over=100)
    left = rebuilt(parsed, subset(data, len(parsed.segments)))["messages"]
    assert problems(left) == []


@settings(max_examples=150)
@given(conversations(last="any"), st.integers(0, 3), st.data())
def test_kept_messages_are_the_originals_in_the_original_order(
    messages: list[dict[str, Any]], style: int, data: st.DataObject
) -> None:
    content = to_bytes(body(messages), style)
    parsed = read(content, split_over=100)
    kept = subset(data, len(parsed.segments))
    left = rebuilt(parsed, kept)["messages"]
    position = 0
    for message in own(left):
        while position < len(messages) and not comes_from(message, messages[position]):
            position += 1
        assert position < len(messages), f"{message} is not among the originals, or out of order"
        position += 1


def comes_from(found: dict[str, Any], original: dict[str, Any]) -> bool:
    """Whether a message is the original, or the original less some stretches with a mark in their place."""
    if found == original:
        return True
    if found.keys() != original.keys() or any(found[k] != original[k] for k in found if k != "content"):
        return False
    if type(found["content"]) is not type(original["content"]) or not found["content"]:
        return False
    pairs = [(found["content"], original["content"])]
    if isinstance(original["content"], list):
        if len(found["content"]) != len(original["content"]):
            return False
        pairs = [
            (f["text"], o["text"]) for f, o in zip(found["content"], original["content"], strict=True)
        ]
    for text, whole in pairs:
        start = 0
        for stretch in MARK.split(text):
            start = whole.find(stretch, start)
            if start < 0:
                return False
            start += len(stretch)
    return True


@settings(max_examples=100)
@given(conversations(last="any"), st.integers(0, 3), st.data())
def test_whole_messages_keep_their_bytes(
    messages: list[dict[str, Any]], style: int, data: st.DataObject
) -> None:
    content = to_bytes(body(messages), style)
    parsed = read(content, split_over=10_000)
    kept = subset(data, len(parsed.segments))
    made, _ = rebuild(parsed, kept)
    for i in kept:
        for m in parsed.places[i].items:
            assert parsed.outline.items[m] in made


@settings(max_examples=100)
@given(conversations(last="any"), st.data())
def test_the_tokens_of_a_rebuilt_prompt_are_those_of_its_messages(
    messages: list[dict[str, Any]], data: st.DataObject
) -> None:
    parsed = read(body(messages), split_over=100)
    made, tokens = rebuild(parsed, subset(data, len(parsed.segments)))
    again = read(made, split_over=10**9)
    assert tokens == again.tokens
    if not any("function_call" in m for m in messages):
        assert tokens == count(json.loads(made))


@settings(max_examples=150)
@given(conversations(last="any"), st.data())
def test_a_history_is_read_the_same_whatever_was_read_before(
    messages: list[dict[str, Any]], data: st.DataObject
) -> None:
    known = memo(split_over=100)
    for _ in range(data.draw(st.integers(2, 5))):
        history = list(messages)
        match data.draw(st.sampled_from(["grown", "grown", "moved", "gone"])):
            case "grown":
                history = messages[: data.draw(st.integers(1, len(messages)))]
            case "moved":  # a tool's result that comes late, or ahead of its call
                history.insert(
                    data.draw(st.integers(0, len(history))), history.pop(data.draw(place(history)))
                )
            case "gone":
                del history[data.draw(place(history))]
        again, afresh = (
            parse(known, json.dumps(body(history)).encode()),
            read(body(history), split_over=100),
        )
        assert (again.segments, again.places, again.links) == (
            afresh.segments,
            afresh.places,
            afresh.links,
        )
        assert (again.items, again.tokens) == (afresh.items, afresh.tokens)
        assert (again.summed_up, again.thinks) == (afresh.summed_up, afresh.thinks)


def place(history: list[dict[str, Any]]) -> st.SearchStrategy[int]:
    return st.integers(0, len(history) - 1)


@given(conversations(last="any"))
def test_keeping_every_segment_rebuilds_every_message(messages: list[dict[str, Any]]) -> None:
    parsed = read(body(messages), split_over=100)
    made, tokens = rebuild(parsed, set(range(len(parsed.segments))))
    assert json.loads(made) == body(messages)
    assert tokens == parsed.tokens


@settings(max_examples=150)
@given(conversations(last="any"), st.data())
def test_segments_never_cost_more_than_they_say(
    messages: list[dict[str, Any]], data: st.DataObject
) -> None:
    parsed = read(body(messages), split_over=100)
    kept = subset(data, len(parsed.segments))
    made, tokens = rebuild(parsed, kept)
    left = json.loads(made)["messages"]
    marks = MARK_TOKENS * (len(left) - len(own(left)))
    assert tokens <= parsed.fixed_tokens + sum(parsed.segments[i].tokens for i in kept) + marks


@given(conversations(last="any"))
def test_every_message_is_in_a_segment_and_none_is_in_two(messages: list[dict[str, Any]]) -> None:
    parsed = read(body(messages), split_over=100)
    seen = sorted({(m, place.piece) for place in parsed.places for m in place.items}, key=str)
    assert len(seen) == sum(len(place.items) for place in parsed.places)
    assert {m for m, _ in seen} == set(range(len(messages)))


@given(conversations(last="any"), st.integers(0, 3))
def test_the_same_content_has_the_same_segments_every_time(
    messages: list[dict[str, Any]], style: int
) -> None:
    content = to_bytes(body(messages), style)
    assert [s.id for s in read(content).segments] == [s.id for s in read(content).segments]
    longer = read(
        to_bytes(body([*messages, {"role": "user", "content": "and?"}]), style), split_over=10**9
    )
    ids = [s.id for s in read(content, split_over=10**9).segments]
    assert [s.id for s in longer.segments][: len(ids)] == ids


@settings(max_examples=200)
@given(
    st.one_of(plain, long_texts(), st.text(alphabet="ab \n\t\r`~\u2028\x0b\x0c\x85", max_size=200)),
    st.integers(1, 200),
)
def test_split_text_concatenates_to_the_original(text: str, size: int) -> None:
    pieces = split(text, size)
    assert "".join(pieces) == text
    assert all(pieces)
