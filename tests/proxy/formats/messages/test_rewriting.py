"""What is left of a Messages request, written so that the API takes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveate.proxy.formats.layout import layout
from foveate.proxy.formats.messages import Messages
from foveate.proxy.formats.messages.recounting import recount
from foveate.proxy.formats.messages.spans import with_mark
from support.deciding import read, rebuilt
from support.messages import assistant, problems, request, result, text, thought, use, user

WIRE = Messages()
MARK = {"type": "ephemeral", "ttl": "1h"}
OPENING = {"role": "user", "content": "[... the beginning was left out ...]"}


def left(messages: list[Any], *dropped: int, **more: Any) -> list[Any]:
    """The messages that are left without the segments at those positions."""
    parsed = read(request(messages, **more), wire=WIRE)
    found = rebuilt(parsed, set(range(len(parsed.segments))) - set(dropped), wire=WIRE)
    assert problems(found) == []
    rest: list[Any] = found["messages"]
    return rest


def test_a_beginning_that_is_no_users_is_announced() -> None:
    talk = [user("q"), assistant("a"), user("q2")]
    assert left(talk, 0) == [OPENING, *talk[1:]]
    assert left(talk, 0, 1) == talk[2:]


def test_a_system_message_goes_to_where_it_may_stand() -> None:
    note = {"role": "system", "content": "Be brief."}
    talk = [user("q"), note, assistant("a"), user("q2"), assistant("a2"), user("q3")]
    assert left(talk, 2) == [talk[0], talk[3], note, *talk[4:]]
    assert left(talk, 0, 2) == [talk[3], note, *talk[4:]]
    assert left(talk, 0, 2, 3, 4) == [talk[5], note]
    assert left(talk, 3, 4) == [*talk[:3], talk[5]]


def test_system_messages_keep_their_order() -> None:
    first, second = ({"role": "system", "content": said} for said in ("In French.", "In English."))
    talk = [user("q"), first, assistant("a"), user("q2"), second, assistant("a2"), user("q3")]
    assert left(talk, 2) == [talk[0], talk[3], first, second, *talk[5:]]


@pytest.mark.parametrize(
    "last", [{"type": "fallback", "from": {}, "to": {}}, {"type": "hologram"}, text(" ")]
)
def test_a_mark_is_put_on_nothing_that_cannot_carry_it(last: dict[str, Any]) -> None:
    answer = with_mark(json.dumps(assistant("well", last)).encode(), json.dumps(MARK).encode())
    assert json.loads(answer) == assistant(text("well", cache_control=MARK), last)
    alone = json.dumps(assistant(last)).encode()
    assert with_mark(alone, json.dumps(MARK).encode()) == alone


def test_results_go_and_words_beside_them_stay() -> None:
    talk = [user("q"), assistant(use("a")), user(result("a"), "stop that"), assistant("ok"), user("q2")]
    assert left(talk, 1) == [talk[0], user("stop that"), *talk[3:]]
    assert left(talk, 2) == [*talk[:2], user(result("a")), *talk[3:]]


def test_an_open_loop_is_not_faked_where_reasoning_is_insisted_on() -> None:
    talk = [
        user("q"),
        assistant(thought("hm"), use("a")),
        user(result("a")),
        assistant(thought("so"), "a"),
        user("q2"),
    ]
    closing = {"role": "assistant", "content": "[... the answer was left out ...]"}
    manual = {"type": "enabled", "budget_tokens": 1024}
    assert left(talk, 2, thinking=manual) == [*talk[:3], closing, talk[4]]
    assert left(talk, 2) == [*talk[:3], talk[4]]


def test_a_mark_moves_to_the_last_of_its_span_that_stays() -> None:
    talk = [
        user("q"),
        assistant("a"),
        assistant(use("a")),
        user(result("a", cache_control=MARK)),
        user("q2"),
    ]
    assert left(talk, 2) == [talk[0], assistant(text("a", cache_control=MARK)), talk[4]]
    assert left(talk, 1, 2) == [user(text("q", cache_control=MARK)), talk[4]]
    string = [{"role": "user", "content": "q"}, *talk[1:]]
    assert left(string, 1, 2)[0] == user(text("q", cache_control=MARK))


def test_a_moved_mark_gives_way_to_one_that_is_there() -> None:
    first = user(text("q", cache_control={"type": "ephemeral"}))
    talk = [first, assistant(text("a", cache_control=MARK)), user("q2")]
    assert left(talk, 1) == [first, talk[2]]


def test_reasoning_is_taken_out_and_nothing_is_left_empty() -> None:
    talk = [
        user("q"),
        assistant(thought("hm"), "a"),
        user("q2"),
        assistant(thought("only")),
        user("q3"),
    ]
    parsed = read(request(talk), wire=WIRE)
    keys = {s.key for s in parsed.segments if s.thought}
    found = json.loads(WIRE.rebuild(parsed, layout(parsed, range(5), {}, keys)).body)["messages"]
    assert found[1] == assistant("a")
    assert found[3] == assistant("[... reasoning left out ...]")


def test_excerpts_stand_between_results_and_words() -> None:
    talk = [user("the train leaves at nine"), assistant(use("a")), user(result("a"), "when?")]
    parsed = read(request(talk), wire=WIRE)
    found = json.loads(WIRE.rebuild(parsed, layout(parsed, {1, 2}, {2: (0,)})).body)["messages"][-1][
        "content"
    ]
    assert [part["type"] for part in found] == ["tool_result", "text", "text"]
    assert "the train leaves at nine" in found[1]["text"]
    assert found[2] == text("when?")


def test_what_is_not_changed_keeps_the_callers_bytes() -> None:
    kept = b'{ "role":"assistant" , "content":[{"type":"tool_use","id":"a","name":"f","input":{"x":1.10,"y":1e3}}]}'
    body = (
        b'{"model":"claude-x","future":{"a" : 1.0},"messages":[{"role":"user","content":"gone"},'
        + kept
        + b',{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"r"},'
        + b'{"type":"text","text":"q"}]}]}'
    )
    parsed = read(body, wire=WIRE)
    made = WIRE.rebuild(parsed, layout(parsed, {1, 2}, {})).body
    assert kept in made
    assert b'"future":{"a" : 1.0}' in made


def test_what_a_compaction_stands_for_goes_on_as_it_is() -> None:
    talk = [
        user("old"),
        assistant("older"),
        assistant({"type": "compaction", "content": "sum"}),
        user("q"),
        user("q2"),
    ]
    parsed = read(request(talk), wire=WIRE)
    found = rebuilt(parsed, {0, 2}, wire=WIRE)["messages"]
    assert found == [*talk[:3], talk[4]]


def test_a_count_without_reasoning_asks_for_no_manual_budget() -> None:
    edits = {"edits": [{"type": "clear_thinking_20251015"}]}
    manual = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "context_management": edits}
    asked = request(
        [user("q"), assistant(thought("hm"), "a"), assistant(thought("hm")), user("q2")], **manual
    )
    refused = b'{"error":{"message":"The block is bound to a different conversation."}}'
    again = recount(json.dumps(asked).encode(), refused)
    assert again
    assert json.loads(again) == request([user("q"), assistant("a"), user("q2")])
    assert recount(json.dumps(asked).encode(), b"prompt is too long") is None
    assert recount(b"[]", refused) is None
