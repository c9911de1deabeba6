"""What holds of the Responses wire whatever is kept of an input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.policies.types import Budget
from foveate.proxy.cache import Cache
from foveate.proxy.formats.layout import layout
from foveate.proxy.formats.memo import Memo
from foveate.proxy.formats.responses import Responses
from foveate.proxy.formats.tokens import TokenCounter
from foveate.proxy.http.overrides import Overrides
from laws.strategies import long_texts, plain, to_bytes
from support.deciding import parse, read
from support.inputs import CALLS, Item, called, kind_of, output, problems, response, said, thought, user
from support.sessions import Deciding, caller

WIRE = Responses()
Items = list[Item]
KINDS = [
    "computer_call",
    *sorted(CALLS.keys() - {"computer_call"}),
]  # the first is refused without its reasoning


@st.composite
def answers(draw: st.DrawFn, name: str, named: bool, last: bool, served: bool) -> Items:
    """What the model says at once: reasoning, words, calls at the same time with their outputs in any order."""
    thoughts = [
        thought(f"{name}{n}", draw(plain), named=named)
        for n in range(draw(st.sampled_from([0, 1, 1, 2])))
    ]
    names = [f"{name}{letter}" for letter in "xyz"[: 0 if last else draw(st.integers(1, 3))]]
    kinds = [draw(st.sampled_from(KINDS if served else KINDS[1:])) for _ in names]
    made = [
        called(each, kind, named or kind == "computer_call")
        for each, kind in zip(names, kinds, strict=True)
    ]
    speaks = last or draw(st.booleans())
    words = [said(draw(st.one_of(plain, long_texts())), name if named else "")] if speaks else []
    if served and draw(st.integers(0, 9)) == 0:
        made.append(
            {
                "type": "web_search_call",
                "id": f"ws_{name}",
                "status": "completed",
                "action": {"query": "q"},
            }
        )
    given_back = [output(each, draw(plain), kind) for each, kind in zip(names, kinds, strict=True)]
    return [*thoughts, *words, *made, *draw(st.permutations(given_back))]


@st.composite
def sessions(draw: st.DrawFn, served: bool = True) -> Items:
    """An input of several turns, with or without the server's ids, and now and then an item of another kind.

    What the server has done by itself is refused without the reasoning that led to it.
    """
    named = draw(st.booleans())
    items: Items = [{"role": "developer", "content": draw(plain)}] if draw(st.booleans()) else []
    for turn in range(draw(st.integers(0, 5))):
        items.append(user(draw(st.one_of(plain, long_texts()))))
        rounds = draw(st.integers(0, 3))
        for n in range(rounds):
            items += draw(answers(f"{turn}.{n}", named, last=False, served=served))
        if draw(st.booleans()):
            items += draw(answers(f"{turn}.end", named, last=True, served=served))
        if draw(st.integers(0, 7)) == 0:
            kind = draw(st.sampled_from(["novelty", "compaction", "mcp_list_tools"]))
            items.append(
                {
                    "type": kind,
                    "id": f"odd_{turn}",
                    "encrypted_content": "==",
                    "tools": [],
                    "more": [1.5],
                }
            )
    return [*items, user(draw(plain))]


def subset(data: st.DataObject, size: int) -> set[int]:
    return {
        i
        for i, keep in enumerate(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
        if keep
    }


@settings(max_examples=200)
@given(sessions(), st.data())
def test_any_selection_rebuilds_to_a_valid_input_with_any_reasoning_taken_out(
    items: Items, data: st.DataObject
) -> None:
    assert problems(items, items) == []
    parsed = read(response(items), split_over=100, wire=WIRE)
    kept = subset(data, len(parsed.segments))
    can_go = {i for i, s in enumerate(parsed.segments) if s.thought}
    taken = {parsed.segments[i].key for i in subset(data, len(parsed.segments)) & kept & can_go}
    prompt = WIRE.rebuild(parsed, layout(parsed, kept, {}, taken))
    left = json.loads(prompt.body)["input"]
    assert problems(left, items) == []
    assert not any(
        item in left
        for i in kept
        if parsed.segments[i].key in taken
        for item in thoughts_of(parsed, items, i)
    )


def thoughts_of(parsed: Any, items: Items, position: int) -> Items:
    """The reasoning items of a segment."""
    return [items[i] for i in parsed.places[position].items if kind_of(items[i]) == "reasoning"]


@settings(max_examples=100)
@given(sessions(), st.integers(0, 3), st.data())
def test_whole_items_keep_their_bytes_and_their_order(
    items: Items, style: int, data: st.DataObject
) -> None:
    parsed = read(to_bytes(response(items), style), split_over=10_000, wire=WIRE)
    kept = subset(data, len(parsed.segments))
    made = WIRE.read(WIRE.rebuild(parsed, layout(parsed, kept, {})).body).items
    assert made == [
        parsed.outline.items[i] for i in sorted(i for k in kept for i in parsed.places[k].items)
    ]


@settings(max_examples=100)
@given(sessions(), st.data())
def test_the_tokens_of_a_rebuilt_prompt_are_those_of_its_items(
    items: Items, data: st.DataObject
) -> None:
    parsed = read(response(items), split_over=100, wire=WIRE)
    kept = subset(data, len(parsed.segments))
    taken = {parsed.segments[i].key for i in kept if parsed.segments[i].thought and i % 2}
    prompt = WIRE.rebuild(parsed, layout(parsed, kept, {}, taken))
    tokens = parsed.fixed_tokens + sum(prompt.tokens)
    assert tokens == read(prompt.body, split_over=10**9, wire=WIRE).tokens
    promised = sum(parsed.segments[i].tokens for i in kept)
    promised -= sum(parsed.segments[i].thought for i in kept if parsed.segments[i].key in taken)
    assert tokens <= parsed.fixed_tokens + promised


@settings(max_examples=100)
@given(sessions(), st.data())
def test_an_input_is_read_the_same_whatever_was_read_before(items: Items, data: st.DataObject) -> None:
    memory = Memo(WIRE, TokenCounter("o200k_base"), Cache(1 << 22), 100)
    for _ in range(data.draw(st.integers(2, 4))):
        grown = items[: data.draw(st.integers(1, len(items)))]
        content = json.dumps(response(grown)).encode()
        again, afresh = parse(memory, content, WIRE), read(response(grown), split_over=100, wire=WIRE)
        assert (again.segments, again.places, again.links) == (
            afresh.segments,
            afresh.places,
            afresh.links,
        )
        assert (again.items, again.tokens) == (afresh.items, afresh.tokens)
        assert (again.summed_up, again.thinks) == (afresh.summed_up, afresh.thinks)


@given(sessions())
def test_every_item_is_in_a_segment_and_none_is_in_two(items: Items) -> None:
    parsed = read(response(items), split_over=100, wire=WIRE)
    whole = [place for place in parsed.places if place.piece is None]
    assert sum(len(place.items) for place in whole) == len({i for place in whole for i in place.items})
    assert {i for place in parsed.places for i in place.items} == set(range(len(items)))


@pytest.fixture(scope="module")
def deciding() -> Iterator[Deciding]:
    with Deciding() as made:
        yield made


def moments(items: Items) -> Iterator[int]:
    """Yield how much of a session each request holds: up to each user message, and up to where the model goes on."""
    for i in range(1, len(items)):
        if not answered(items[i - 1]) and answered(items[i]):
            yield i
    yield len(items)


def answered(item: Item) -> bool:
    """Whether the model has written an item."""
    return item.get("role") == "assistant" or kind_of(item) not in ("message", *CALLS.values())


def bare_of_ids(items: Items) -> Items:
    """Items without what the server adds."""
    return [
        {name: value for name, value in item.items() if name not in ("id", "status")} for item in items
    ]


@settings(max_examples=60)
@given(sessions(served=False), st.integers(60, 400))
def test_no_kept_reasoning_has_another_prefix_than_it_was_made_under(
    deciding: Deciding, items: Items, high: int
) -> None:
    key = caller()
    overrides = Overrides(budget=Budget(high, high // 2))
    made_under: dict[str, Items] = {}
    for end in moments(items):
        content = json.dumps(response(items[:end])).encode()
        decision = deciding.decide(content, key, overrides, WIRE)
        assert decision.outcome.result != "failed", decision.outcome.failure_reason
        sent = json.loads(decision.body)["input"]
        assert problems(sent, items[:end]) == []
        for i, item in enumerate(sent):
            if item.get("encrypted_content") and kind_of(item) == "reasoning":
                before = made_under[item["encrypted_content"]]
                assert bare_of_ids(sent[:i])[: len(before)] == before
        upcoming = [item for item in items[end:] if kind_of(item) == "reasoning"]
        for item in upcoming:
            made_under[item["encrypted_content"]] = bare_of_ids(sent)
