"""Which input items live and die together."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.proxy.formats.responses import Responses
from support.deciding import read
from support.inputs import called, output, response, said, thought, user

WIRE = Responses()
QUESTION = user("And now?")


def places(items: list[Any]) -> list[tuple[int, ...]]:
    """Which items each segment holds."""
    return [place.items for place in read(response(items), wire=WIRE).places]


def test_every_message_is_a_segment() -> None:
    items = [{"role": r, "content": r} for r in ("system", "developer", "user", "assistant", "user")]
    parsed = read(response(items), wire=WIRE)
    assert [s.role for s in parsed.segments] == ["system", "developer", "user", "assistant", "user"]
    assert [s.turn for s in parsed.segments] == [0, 0, 1, 1, 2]


def test_an_input_that_is_a_string_is_the_users_message() -> None:
    (segment,) = read(response("hello"), wire=WIRE).segments
    assert (segment.role, segment.text) == ("user", "hello")


def test_a_call_and_its_output_are_one_segment_whatever_stands_between() -> None:
    items = [called("a"), called("b"), user("wait"), output("b"), output("a"), QUESTION]
    assert places(items) == [(0, 1, 3, 4), (2,), (5,)]


def test_reasoning_lives_and_dies_with_all_that_the_model_says_after_it() -> None:
    answer = [thought("1"), thought("2"), said("Let me look.", "1"), called("a"), called("b")]
    items = [user("hi"), *answer, output("a"), output("b"), thought("3"), said("done", "2"), QUESTION]
    assert places(items) == [(0,), (1, 2, 3, 4, 5, 6, 7), (8, 9), (10,)]


def test_reasoning_in_the_middle_of_an_answer_opens_a_segment_of_its_own() -> None:
    items = [thought("1"), called("a"), thought("2"), called("b"), output("a"), output("b"), QUESTION]
    assert places(items) == [(0, 1, 4), (2, 3, 5), (6,)]


def test_what_a_program_reads_is_never_shown_in_part() -> None:
    program = {"type": "program", "id": "pr", "call_id": "p", "code": "x", "fingerprint": "f"}
    by_program = {**called("a"), "caller": {"type": "program", "caller_id": "p"}}
    rows = output("a", '{"row": 1}\n' * 100)
    parsed = read(response([user("q"), program, by_program, rows]), wire=WIRE)
    assert (parsed.segments[1].results, parsed.read_by_code((3, 0))) == ((), True)
    parsed = read(response([user("q"), called("a"), rows]), wire=WIRE)
    assert (len(parsed.segments[1].results), parsed.read_by_code((2, 0))) == (1, False)


def test_reasoning_that_led_to_nothing_takes_no_user_with_it() -> None:
    assert places([thought("1"), user("never mind"), QUESTION]) == [(0,), (1,), (2,)]


def test_calls_without_ids_are_paired_in_their_order() -> None:
    made = {"type": "function_call", "name": "f", "arguments": "{}"}
    given = {"type": "function_call_output", "output": "x"}
    assert places([made, given, made, given, QUESTION]) == [(0, 1), (2, 3), (4,)]


def test_a_local_shell_names_its_call_by_id() -> None:
    made = {
        "type": "local_shell_call",
        "id": "ls_1",
        "call_id": "c1",
        "action": {},
        "status": "completed",
    }
    given = {"type": "local_shell_call_output", "id": "ls_1", "output": "x"}
    assert places([made, QUESTION, given, user("?")]) == [(0, 2), (1,), (3,)]


def test_what_a_program_has_called_goes_with_the_program() -> None:
    program = {"type": "program", "id": "p", "call_id": "prog", "code": "f()", "fingerprint": "=="}
    inner = {**called("a"), "caller": {"type": "program", "caller_id": "prog"}}
    ended = {
        "type": "program_output",
        "id": "po",
        "call_id": "prog",
        "result": "1",
        "status": "completed",
    }
    assert places([program, inner, output("a"), ended, QUESTION]) == [(0, 1, 2, 3), (4,)]


def test_an_approval_stays_with_its_request_and_both_are_pinned() -> None:
    asked = {
        "type": "mcp_approval_request",
        "id": "m1",
        "name": "f",
        "arguments": "{}",
        "server_label": "s",
    }
    answered = {"type": "mcp_approval_response", "approval_request_id": "m1", "approve": True}
    parsed = read(response([asked, answered, QUESTION]), wire=WIRE)
    assert [place.items for place in parsed.places] == [(0, 1), (2,)]
    assert parsed.segments[0].pin == "approval"


@pytest.mark.parametrize(
    "kind",
    [
        "mcp_list_tools",
        "additional_tools",
        "configuration_update",
        "compaction",
        "tool_search_call",
        "novelty",
    ],
)
def test_what_is_in_force_or_not_known_is_pinned(kind: str) -> None:
    parsed = read(response([{"type": kind, "id": "x", "tools": []}, QUESTION]), wire=WIRE)
    assert parsed.segments[0].pin


def test_a_cache_mark_pins_and_is_no_part_of_what_is_said() -> None:
    part = {"type": "input_text", "text": "hi"}
    marked = user([{**part, "prompt_cache_breakpoint": {"mode": "explicit"}}])
    plain, found = (
        read(response([item, QUESTION]), wire=WIRE).segments[0] for item in (user([part]), marked)
    )
    assert (found.pin, plain.pin) == ("prompt_cache_breakpoint", "")
    assert found.id == plain.id == read(response([user("hi"), QUESTION]), wire=WIRE).segments[0].id


def test_ids_and_statuses_are_no_part_of_what_is_said() -> None:
    named, bare = (
        read(response([item, QUESTION]), wire=WIRE).segments[0].id
        for item in (said("a", "1"), said("a"))
    )
    assert named == bare


def test_reasoning_known_by_its_id_alone_is_told_apart_by_it() -> None:
    items = [thought(n, sealed=False) for n in ("1", "2")]
    first, second = (read(response([item, said("a")]), wire=WIRE).items[0].id for item in items)
    assert first != second


def test_encrypted_reasoning_is_bound_and_plain_text_is_not() -> None:
    plain = {
        "type": "reasoning",
        "id": "rs",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm " * 9}],
    }
    sealed, open_text = (
        read(response([item, said("a"), QUESTION]), wire=WIRE).segments[0]
        for item in (thought("1"), plain)
    )
    assert (sealed.bound, open_text.bound) == (True, False)
    assert open_text.thought > 9


def test_what_needs_its_reasoning_keeps_it() -> None:
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "q"},
    }
    nameless = {name: value for name, value in search.items() if name != "id"}
    named, free = (
        read(response([thought("1"), item, said("a"), QUESTION]), wire=WIRE).segments[0]
        for item in (search, nameless)
    )
    assert (named.thought, named.bound) == (0, False)
    assert free.bound
    assert free.thought > 0


def test_a_tool_segment_reads_names_arguments_and_outputs_but_no_ids() -> None:
    shell = {
        "type": "shell_call",
        "id": "sh_9",
        "call_id": "call_s",
        "action": {"commands": ["ls -la"]},
    }
    listed = {
        "type": "shell_call_output",
        "call_id": "call_s",
        "output": [{"stdout": "Ada.txt", "stderr": ""}],
    }
    (segment, _) = read(response([thought("1", "secret"), shell, listed, QUESTION]), wire=WIRE).segments
    assert segment.kind == "tool"
    assert "ls -la" in segment.text
    assert "Ada.txt" in segment.text
    assert not any(word in segment.text for word in ("sh_9", "call_s", "sealed", "secret"))


def test_what_stands_before_a_summary_is_counted_as_summed_up() -> None:
    compacted = {"type": "compaction", "id": "cmp", "encrypted_content": "==="}
    parsed = read(
        response([user("a"), compacted, user("b"), compacted | {"id": "c2"}, QUESTION]), wire=WIRE
    )
    assert parsed.summed_up == 3


def test_calls_join_what_the_model_has_said_right_ahead_of_them_and_nothing_else() -> None:
    later = [output("a"), output("b"), called("c"), output("c"), said("done"), QUESTION]
    items = [user("hi"), said("Let me look."), called("a"), called("b"), *later]
    assert places(items) == [(0,), (1, 2, 3, 4, 5), (6, 7), (8,), (9,)]


@pytest.mark.parametrize("kind", ["tool_search_call", "of_next_year", "item_reference"])
def test_what_never_goes_keeps_no_call_behind_it(kind: str) -> None:
    items = [user("hi"), {"type": kind, "id": "x"}, called("a"), output("a"), QUESTION]
    parsed = read(response(items), wire=WIRE)
    assert places(items) == [(0,), (1,), (2, 3), (4,)]
    assert [bool(s.pin) for s in parsed.segments] == [False, True, False, False]


def test_a_unit_keeps_its_key_while_calls_and_outputs_join_it_and_the_next_step_is_another() -> None:
    items = [user("hi"), said("Let me look."), called("a"), called("b"), output("a"), output("b")]
    steps = [called("c"), output("c"), called("d"), output("d")]
    keys = [read(response(items[:n]), wire=WIRE).segments[1].key for n in range(2, len(items) + 1)]
    assert set(keys) == {(1, 0, -1)}
    assert places(items + steps) == [(0,), (1, 2, 3, 4, 5), (6, 7), (8, 9)]


def test_a_long_text_that_a_call_joins_is_not_split() -> None:
    long = said("A word of it. " * 1000)
    assert places([user("hi"), long, called("a"), output("a"), QUESTION])[1] == (1, 2, 3)


@pytest.mark.parametrize("made", ["", None, 7, ["a"]])
@pytest.mark.parametrize("answered", ["", None, 7, ["a"]])
@pytest.mark.parametrize("own", [{}, {"id": "fc_1"}])
def test_what_has_no_id_to_pair_by_pairs_by_its_order(made: Any, answered: Any, own: Any) -> None:
    calling = {**called("a"), "call_id": made, **own}
    items = [user("q"), calling, user("wait"), {**output("a"), "call_id": answered}, QUESTION]
    assert places(items) == [(0,), (1, 3), (2,), (4,)]


def test_what_is_nested_too_deep_to_be_written_anew_keeps_its_place() -> None:
    deep: Any = "x"
    for _ in range(700):
        deep = [deep]
    wait = user("wait")
    assert places([user("q"), {**called("a"), "x": deep}, wait, output("a"), QUESTION])[1] == (1, 3)
    assert places([user("q"), called("a"), wait, {**output("a"), "x": deep}, QUESTION])[1] == (1, 3)
    assert [s.role for s in read(response([{**user("q"), "x": deep}]), wire=WIRE).segments] == ["user"]


def test_a_part_whose_type_is_a_list_is_one_of_an_unknown_kind() -> None:
    odd = {**output("a"), "output": [{"type": ["input_text"], "text": "x"}]}
    assert places([user("q"), called("a"), user("wait"), odd, QUESTION])[1] == (1, 3)
