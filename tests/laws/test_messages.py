"""Whatever is kept of a Messages request, it stays valid and what it holds is the caller's own."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.proxy.formats.layout import layout
from foveate.proxy.formats.messages import Messages
from foveate.proxy.formats.parsed import Parsed
from laws.message_strategies import talks
from laws.strategies import to_bytes
from support.deciding import read, rebuild
from support.messages import THOUGHTS, blocks, problems, request

WIRE = Messages()


def kept(data: st.DataObject, parsed: Parsed) -> set[int]:
    """Some segments, with all that no cut takes: what is pinned, the latest turn and the end."""
    segments = parsed.segments
    chosen = {i for i in range(len(segments)) if data.draw(st.booleans())}
    users = [i for i, s in enumerate(segments) if s.role == "user"]
    beside = {users[-1] - 1} if segments[users[-1]].key[1] else set()
    always = {i for i, s in enumerate(segments) if s.pin or s.role == "system"}
    return chosen | always | beside | {users[-1], len(segments) - 1}


def bare(data: st.DataObject, parsed: Parsed) -> set[tuple[int, int, int]]:
    """Some segments to take the reasoning out of; never those of a loop that insists on it."""
    thinking = [s for s in parsed.segments if s.thought]
    if parsed.outline.insists:
        opened = max(s.key[0] for s in parsed.segments if s.role == "user" and s.key[1] == 0)
        thinking = [s for s in thinking if s.key[0] < opened]
    return {s.key for s in thinking if data.draw(st.booleans())}


def made(data: st.DataObject, parsed: Parsed) -> tuple[dict[str, Any], int]:
    """Some selection's request, and the tokens of its prompt."""
    rows = layout(parsed, kept(data, parsed), {}, bare(data, parsed))
    prompt = WIRE.rebuild(parsed, rows)
    return json.loads(prompt.body), parsed.fixed_tokens + sum(prompt.tokens)


@settings(max_examples=200)
@given(talks(), st.data())
def test_any_selection_rebuilds_to_a_valid_request(messages: list[Any], data: st.DataObject) -> None:
    assert problems(request(messages)) == []
    found, _ = made(data, read(request(messages), split_over=100, wire=WIRE))
    assert problems(found) == []


@settings(max_examples=150)
@given(talks(enabled=True), st.data())
def test_an_open_loop_keeps_the_reasoning_that_is_insisted_on(
    messages: list[Any], data: st.DataObject
) -> None:
    body = request(messages, thinking={"type": "enabled", "budget_tokens": 1024})
    assert problems(body) == []
    found, _ = made(data, read(body, split_over=100, wire=WIRE))
    assert problems(found) == []


@settings(max_examples=150)
@given(talks(), st.integers(0, 3), st.data())
def test_kept_blocks_are_the_originals(messages: list[Any], style: int, data: st.DataObject) -> None:
    body = request(messages)
    parsed = read(to_bytes(body, style), split_over=10_000, wire=WIRE)
    found, _ = made(data, parsed)
    originals = [unmarked(part) for message in messages for part in blocks(message)]
    for message in found["messages"]:
        for part in blocks(message):
            assert unmarked(part) in originals or part["text"].startswith("[... ")


def unmarked(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != "cache_control"}


@settings(max_examples=100)
@given(talks(), st.integers(0, 3), st.data())
def test_whole_messages_keep_their_bytes(messages: list[Any], style: int, data: st.DataObject) -> None:
    unmarked_talk = [{**m, "content": [unmarked(p) for p in blocks(m)]} for m in messages]
    parsed = read(to_bytes(request(unmarked_talk), style), split_over=10_000, wire=WIRE)
    rows = layout(parsed, kept(data, parsed), {})
    body = WIRE.rebuild(parsed, rows).body
    for row in rows:
        assert row.left is not None or parsed.outline.items[row.item] in body


@given(talks(), st.integers(0, 3))
def test_keeping_everything_is_the_request_itself(messages: list[Any], style: int) -> None:
    body = request(messages)
    parsed = read(to_bytes(body, style), split_over=100, wire=WIRE)
    again, tokens = rebuild(parsed, set(range(len(parsed.segments))), wire=WIRE)
    assert json.loads(again) == body
    assert tokens == parsed.tokens


@settings(max_examples=150)
@given(talks(), st.data())
def test_the_tokens_of_a_rebuilt_prompt_are_those_of_its_messages(
    messages: list[Any], data: st.DataObject
) -> None:
    found, tokens = made(data, read(request(messages), split_over=100, wire=WIRE))
    assert tokens == read(found, split_over=10**9, wire=WIRE).tokens


@settings(max_examples=150)
@given(talks(), st.data())
def test_no_mark_is_lost_behind_a_message_that_stays(messages: list[Any], data: st.DataObject) -> None:
    found, _ = made(data, read(request(messages), split_over=100, wire=WIRE))
    marked = [n for n, m in enumerate(messages) if any(part.get("cache_control") for part in blocks(m))]
    left = [part for m in found["messages"] for part in blocks(m) if part.get("cache_control")]
    assert len(left) <= 4
    assert bool(left) >= bool(marked and messages[marked[-1]] is messages[-1])


@given(talks(), st.data())
def test_reasoning_that_is_taken_out_is_gone_and_no_other(
    messages: list[Any], data: st.DataObject
) -> None:
    parsed = read(request(messages), split_over=10_000, wire=WIRE)
    chosen = bare(data, parsed)
    everything = set(range(len(parsed.segments)))
    found = json.loads(WIRE.rebuild(parsed, layout(parsed, everything, {}, chosen)).body)["messages"]
    for n, (new, old) in enumerate(zip(found, messages, strict=True)):
        out = any(key[0] == n for key in chosen)
        thinking = [part for part in blocks(old) if part["type"] in THOUGHTS]
        assert [part for part in blocks(new) if part["type"] in THOUGHTS] == ([] if out else thinking)


@settings(max_examples=150)
@given(talks())
def test_every_block_is_in_a_segment_and_none_is_in_two(messages: list[Any]) -> None:
    parsed = read(request(messages), split_over=100, wire=WIRE)
    whole = [address for place in parsed.places if place.piece is None for address in place.addresses]
    split = {
        address for place in parsed.places if place.piece is not None for address in place.addresses
    }
    assert len(set(whole)) == len(whole)
    assert set(whole) | split == {
        (i, b) for i, item in enumerate(parsed.items) for b in range(len(item.blocks))
    }
    assert not set(whole) & split
