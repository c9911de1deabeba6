"""A Messages request as segments: what lives and dies together, what opens a turn, and what is pinned."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.proxy.formats.messages import Messages
from support.deciding import read
from support.messages import assistant, request, result, text, thought, use, user

WIRE = Messages()
REMINDER = "<system-reminder>\nYou have no tasks.\n</system-reminder>"
QUESTION = user("And now?")


def addresses(*messages: Any) -> list[tuple[tuple[int, int], ...]]:
    """Which blocks each segment holds."""
    return [place.addresses for place in read(request(messages), wire=WIRE).places]


def segments(*messages: Any) -> Any:
    return read(request(messages), wire=WIRE).segments


def test_every_plain_message_is_a_segment() -> None:
    found = segments(user("a"), assistant("b"), {"role": "system", "content": "c"}, user("d"))
    assert [s.role for s in found] == ["user", "assistant", "system", "user"]
    assert [s.turn for s in found] == [1, 1, 1, 2]


def test_calls_are_one_segment_with_all_their_results() -> None:
    made = assistant(thought("hm"), "I look", use("a"), use("b"))
    assert addresses(user("q"), made, user(result("b"), result("a")), QUESTION)[1] == (
        (1, 0),
        (2, 0),
        (2, 1),
    )


def test_results_in_two_messages_belong_to_their_call() -> None:
    assert addresses(user("q"), assistant(use("a"), use("b")), user(result("a")), user(result("b")))[1] == (
        (1, 0), (2, 0), (3, 0),
    )  # fmt: skip


def test_words_beside_results_open_a_turn_of_their_own() -> None:
    found = segments(
        user("q"), assistant(use("a")), user(result("a"), REMINDER, "stop that"), assistant("ok")
    )
    assert [(s.role, s.key, s.turn) for s in found] == [
        ("user", (0, 0, -1), 1), ("assistant", (1, 0, -1), 1), ("user", (2, 1, -1), 2), ("assistant", (3, 0, -1), 2),
    ]  # fmt: skip
    assert found[2].text == "stop that"


def test_a_reminder_beside_results_goes_with_them() -> None:
    assert addresses(user("q"), assistant(use("a")), user(result("a"), REMINDER)) == [
        ((0, 0),),
        ((1, 0), (2, 0)),
    ]


def test_a_reminder_beside_words_is_no_part_of_the_question() -> None:
    assert read(request([user(REMINDER, "When?")]), wire=WIRE).query == "When?"
    assert read(request([user(REMINDER)]), wire=WIRE).query == REMINDER


def test_a_turn_that_goes_on_after_the_providers_own_tool_is_one_segment() -> None:
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    assert addresses(user("q"), assistant(search), assistant(found, "there"), QUESTION)[1] == (
        (1, 0),
        (2, 0),
    )
    assert addresses(user("q"), assistant(search, found, "there"), QUESTION)[1] == ((1, 0),)


def test_reasoning_is_told_from_what_is_said() -> None:
    found = segments(user("q"), assistant(thought("I think so"), "yes"), QUESTION)[1]
    assert (found.text, found.bound, found.thought > 0) == ("yes", True, True)
    hidden = segments(
        user("q"), assistant({"type": "redacted_thinking", "data": "x"}, "yes"), QUESTION
    )[1]
    assert (hidden.bound, hidden.thought) == (True, 1)
    unsigned = segments(
        user("q"), assistant({"type": "thinking", "thinking": "hm", "signature": ""}, "yes")
    )[1]
    assert (unsigned.bound, unsigned.thought > 0) == (False, True)


def test_what_code_at_the_provider_calls_belongs_to_it_over_several_messages() -> None:
    code = {"type": "server_tool_use", "id": "srv", "name": "code_execution", "input": {"code": "x"}}
    by = {"caller": {"type": "code_execution_20260120", "tool_id": "srv"}}
    done = {"type": "code_execution_tool_result", "tool_use_id": "srv", "content": {}}
    talk = [
        user("q"),
        assistant(code, {**use("a"), **by}),
        user(result("a")),
        assistant({**use("b"), **by}),
        user(result("b")),
        assistant(done, "there"),
        QUESTION,
    ]
    assert addresses(*talk)[1] == ((1, 0), (2, 0), (3, 0), (4, 0), (5, 0))
    direct = assistant({**use("a"), "caller": {"type": "direct"}})
    assert addresses(user("q"), direct, user(result("a")))[1] == ((1, 0), (2, 0))


def test_what_code_at_the_provider_reads_is_never_shown_in_part() -> None:
    code = {"type": "server_tool_use", "id": "srv", "name": "code_execution", "input": {"code": "x"}}
    rows = user(result("a", '{"row": 1}\n' * 100))
    by_code = {**use("a"), "caller": {"type": "code_execution_20260120", "tool_id": "srv"}}
    direct = {**use("a"), "caller": {"type": "direct"}}
    parsed = read(request([user("q"), assistant(code, by_code), rows]), wire=WIRE)
    assert (parsed.segments[1].results, parsed.read_by_code((2, 0))) == ((), True)
    parsed = read(request([user("q"), assistant(direct), rows]), wire=WIRE)
    assert (len(parsed.segments[1].results), parsed.read_by_code((2, 0))) == (1, False)


@pytest.mark.parametrize(
    ("message", "pin"),
    [
        (user(text("a document", cache_control={"type": "ephemeral"})), "cache_control"),
        (assistant(text("an answer", cache_control={"type": "ephemeral"})), ""),
        (user({"type": "hologram", "data": 1}), "hologram"),
        (assistant({"type": "container_upload", "file_id": "f"}), "container_upload"),
        (user(result("a", [{"type": "tool_reference", "tool_name": "t"}])), "tool_reference"),
        ({"role": "user", "content": 7}, "of no known form"),
        (user(result("a", [{"type": "hologram", "data": 1}])), "hologram"),
        (user(result("a", [{"type": "browser_state", "tabs": []}, text("seen")])), ""),
        (assistant({"type": "fallback", "from": {}, "to": {}}, text("an answer")), ""),
        ({"role": "system", "content": [{"type": "tool_addition", "tool": {}}]}, "tool_addition"),
        ({"role": "narrator", "content": "once"}, "narrator"),
        ({"content": "once"}, "of no known form"),
    ],
)
def test_what_is_pinned(message: Any, pin: str) -> None:
    assert segments(message, QUESTION)[0].pin == pin


def test_what_a_compaction_stands_for_does_not_count() -> None:
    compacted = assistant({"type": "compaction", "content": "They spoke of trains."}, "Go on.")
    old = [user("old " * 100), assistant("older " * 100)]
    parsed = read(request([*old, compacted, QUESTION]), wire=WIRE)
    assert parsed.tokens == read(request([compacted, QUESTION]), wire=WIRE).tokens
    assert parsed.segments[0].pin == "compaction"
    failed = assistant({"type": "compaction", "content": None}, "Go on.")
    assert len(read(request([*old, failed, QUESTION]), wire=WIRE).items) == 4


def test_marks_and_reasoning_are_no_part_of_what_a_message_is() -> None:
    plain, other = (
        assistant("yes"),
        assistant(thought("hm"), text("yes", cache_control={"type": "ephemeral"})),
    )
    assert segments(plain)[0].id == segments(other)[0].id
    assert segments({"role": "user", "content": "yes"})[0].id == segments(user("yes"))[0].id
    assert segments(user("yes"))[0].id != segments(assistant("yes"))[0].id


def test_a_long_text_comes_in_pieces() -> None:
    long = "\n\n".join(f"paragraph {n} " + "word " * 60 for n in range(40))
    found = read(request([user(long), assistant("ok"), QUESTION]), split_over=500, wire=WIRE).places
    assert len([place for place in found if place.piece is not None]) > 3


@pytest.mark.parametrize("made", ["", None, "missing"])
@pytest.mark.parametrize("answered", ["", None, "missing"])
def test_calls_and_results_without_ids_pair_by_their_order(made: Any, answered: Any) -> None:
    asking, told = use("a"), result("a")
    asking["id"], told["tool_use_id"] = made, answered
    asking = {name: value for name, value in asking.items() if value != "missing"}
    told = {name: value for name, value in told.items() if value != "missing"}
    talk = [user("q"), assistant("I look", asking), user(told), assistant("done")]
    assert addresses(*talk, *talk) == [
        ((0, 0),), ((1, 0), (2, 0)), ((3, 0),), ((4, 0),), ((5, 0), (6, 0)), ((7, 0),),
    ]  # fmt: skip


DEEP: Any = "x"
for _ in range(700):
    DEEP = [DEEP]


@pytest.mark.parametrize("odd", ["a string", 5, None, ["a list"], {"type": "text", "text": DEEP}])
def test_what_cannot_be_looked_into_keeps_its_calls_and_results(odd: Any) -> None:
    made, told = assistant(use("a")), user(result("a"))
    beside = {**told, "content": [*told["content"], odd]}
    asking = {**made, "content": [odd, *made["content"]]}
    assert addresses(user("q"), made, beside, QUESTION)[1] == ((1, 0), (2, 0))
    assert addresses(user("q"), asking, told, QUESTION)[1] == ((1, 0), (2, 0))


def test_a_part_whose_type_is_a_list_is_one_of_an_unknown_kind() -> None:
    odd = {"type": ["text"], "text": "x"}
    inside = user(result("a", [text("done"), odd]))
    assert addresses(user("q"), assistant(use("a")), inside, QUESTION)[1] == ((1, 0), (2, 0))
