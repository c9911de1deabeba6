"""The prompt that a selection makes, and how much of it stood in the conversation's previous one."""

from __future__ import annotations

import json

from foveate.policies.types import PruneState
from foveate.proxy.formats.messages import Messages
from foveate.proxy.pruning.draft import draft
from support.conversations import body, count, long_chat
from support.deciding import CHAT, read
from support.grounds import earlier, selection, state
from support.thinking import thought

MESSAGES = long_chat(10)
MESSAGES[2] = {**MESSAGES[2], **thought(MESSAGES[:2])}
PARSED = read(body(MESSAGES))
BODY = PARSED.outline.body


def size(*positions: int) -> int:
    """Return the tokens of a prompt's opening and those items."""
    return PARSED.fixed_tokens + sum(PARSED.items[i].tokens for i in positions)


def test_where_nothing_changes_the_callers_own_bytes_go_on() -> None:
    made = draft(CHAT, PARSED, selection(PARSED, PruneState()), None)
    assert made.body is BODY
    assert (made.tokens, made.shared, made.repeated) == (PARSED.tokens, 0, 0)


def test_what_a_history_repeats_of_the_previous_request_is_known_without_rebuilding_it() -> None:
    made = draft(CHAT, PARSED, selection(PARSED, PruneState()), earlier(5))
    assert made.body is BODY
    assert made.shared == made.repeated == size(*range(5))


def test_a_cut_shares_with_the_whole_prompt_before_it_what_stands_ahead_of_its_first_gap() -> None:
    made = draft(CHAT, PARSED, selection(PARSED, state([3, 4]), cut=True), earlier(19))
    assert len(json.loads(made.body)["messages"]) == len(MESSAGES) - 2
    assert made.tokens == PARSED.tokens - PARSED.items[3].tokens - PARSED.items[4].tokens
    assert made.shared == size(0, 1, 2)
    assert made.repeated == size(*range(19))


def test_a_prompt_under_a_standing_cut_begins_with_all_of_the_previous_one() -> None:
    made = draft(CHAT, PARSED, selection(PARSED, state([3, 4])), earlier(19, state([3, 4])))
    assert made.shared == size(0, 1, 2, *range(5, 19))


def test_a_thought_that_is_taken_out_is_a_change_where_it_stood() -> None:
    made = draft(CHAT, PARSED, selection(PARSED, state(bare=[2])), earlier(19))
    left = json.loads(made.body)["messages"]
    assert left == [{k: v for k, v in m.items() if k != "thinking_blocks"} for m in MESSAGES]
    assert made.tokens == count({"messages": left}) < PARSED.tokens
    assert made.shared == size(0, 1)


def test_a_history_that_is_whole_again_shares_what_stood_ahead_of_the_gap() -> None:
    made = draft(CHAT, PARSED, selection(PARSED, PruneState()), earlier(19, state([3, 4])))
    assert made.body is BODY
    assert made.tokens == PARSED.tokens
    assert made.shared == size(0, 1, 2)


def test_a_prompt_differs_where_segments_or_reasoning_are_left_out() -> None:
    assert [s.changes for s in (PruneState(), state([1]), state(bare=[1]))] == [False, True, True]
    assert not PruneState(recalled={5: ()}).changes


TOOL = {"type": "function", "function": {"name": "look_up"}}
MARKED = {**TOOL, "cache_control": {"type": "ephemeral"}}


def test_nothing_is_repeated_behind_other_instructions_or_of_another_model() -> None:
    there = read(body(MESSAGES, tools=[TOOL]))
    for before in (earlier(5, opening=PARSED.opening), earlier(5, model="another")):
        made = draft(CHAT, there, selection(there, PruneState()), before)
        assert (made.shared, made.repeated) == (0, 0)
        made = draft(CHAT, there, selection(there, state([3, 4])), before)
        assert (made.shared, made.repeated) == (0, 0)
    made = draft(CHAT, there, selection(there, PruneState()), earlier(5, opening=there.opening))
    assert made.shared == made.repeated > size(*range(5))


def test_a_note_of_the_clients_on_billing_is_no_other_opening() -> None:
    def opening(*texts: str) -> str:
        system = [{"type": "text", "text": text} for text in texts]
        given = {"model": "claude", "max_tokens": 9, "system": system, "messages": MESSAGES[-1:]}
        return read(given, wire=Messages()).opening

    notes = [f"x-anthropic-billing-header: cc_version=2.1.1; cch={n};" for n in ("36ee5", "0aaa9")]
    first, second = (opening(note, "Be brief.") for note in notes)
    assert first == second != opening(notes[0], "Be long.")


def test_a_cache_mark_on_a_tool_is_no_other_opening() -> None:
    plain, marked = (read(body(MESSAGES, tools=[tool])) for tool in (TOOL, MARKED))
    assert plain.opening == marked.opening != PARSED.opening
