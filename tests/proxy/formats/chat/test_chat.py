"""Chat completions to segments and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveate.proxy.errors import FormatError, RequestError
from foveate.proxy.formats.layout import layout
from support.conversations import body, call, problems, result
from support.deciding import CHAT, read, rebuild, rebuilt

QUESTION = {"role": "user", "content": "And now?"}
LONG = "\n\n".join(f"paragraph {n} " + "word " * 60 for n in range(40))


def places(messages: list[Any], **more: Any) -> list[tuple[int, ...]]:
    """Which messages each segment holds."""
    return [place.items for place in read(body(messages), **more).places]


def test_every_plain_message_is_a_segment() -> None:
    messages = [{"role": r, "content": r} for r in ("system", "developer", "user", "assistant", "user")]
    parsed = read(body(messages))
    assert [s.role for s in parsed.segments] == ["system", "developer", "user", "assistant", "user"]
    assert [s.turn for s in parsed.segments] == [0, 0, 1, 1, 2]
    assert [s.text for s in parsed.segments] == [m["content"] for m in messages]


def test_a_tool_call_and_its_result_are_one_segment() -> None:
    assert places([QUESTION, call("a"), result("a"), QUESTION]) == [(0,), (1, 2), (3,)]


def test_parallel_calls_are_one_segment_with_all_their_results_in_any_order() -> None:
    assert places([QUESTION, call("a", "b", "c"), result("c"), result("a"), result("b"), QUESTION])[
        1
    ] == (1, 2, 3, 4)


def test_results_that_stand_apart_from_their_call_go_with_it() -> None:
    messages = [call("a", "b"), result("a"), {"role": "user", "content": "wait"}, result("b"), QUESTION]
    assert places(messages) == [(0, 1, 3), (2,), (4,)]


def test_an_id_that_comes_again_belongs_to_the_nearest_call_before() -> None:
    messages = [call("call_0"), result("call_0"), call("call_0"), result("call_0"), QUESTION]
    assert places(messages) == [(0, 1), (2, 3), (4,)]


def test_calls_one_after_another_are_segments_of_their_own() -> None:
    assert places([QUESTION, call("a"), result("a"), call("b"), result("b")]) == [(0,), (1, 2), (3, 4)]


def test_a_tool_segment_is_of_the_kind_tool_and_reads_its_arguments_and_results() -> None:
    segment = read(
        body([call("key_7", name="find_user"), result("key_7", "Ada Lovelace"), QUESTION])
    ).segments[0]
    assert (segment.kind, segment.role) == ("tool", "assistant")
    for word in ("find_user", "key_7", "Ada Lovelace"):
        assert word in segment.text


def test_an_old_function_call_is_one_segment_with_its_result() -> None:
    asked = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    answered = {"role": "function", "name": "f", "content": "1"}
    assert places([QUESTION, asked, answered, asked, answered, QUESTION]) == [
        (0,),
        (1, 2),
        (3, 4),
        (5,),
    ]


def test_a_result_without_a_call_is_a_segment_of_its_own() -> None:
    assert places([result("nobody"), QUESTION]) == [(0,), (1,)]


def test_the_same_message_twice_has_the_same_id_and_two_places() -> None:
    parsed = read(body([QUESTION, {"role": "assistant", "content": "x"}, QUESTION]))
    assert parsed.segments[0].id == parsed.segments[2].id
    assert rebuilt(parsed, {2})["messages"] == [QUESTION]


def test_ids_tell_apart_what_differs_in_content_role_or_name() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "user", "content": "a", "name": "ada"},
        call("a"),
        call("b"),
    ]
    assert len({s.id for s in read(body(messages)).segments}) == len(messages)


@pytest.mark.parametrize("as_list", [False, True])
def test_a_long_message_is_split_and_marked_where_parts_are_dropped(as_list: bool) -> None:
    content: Any = [{"type": "text", "text": LONG}] if as_list else LONG
    parsed = read(body([{"role": "user", "content": content}, QUESTION]), split_over=300)
    parts = len(parsed.segments) - 1
    assert parts > 3
    assert [s.key for s in parsed.segments] == [*((0, 0, n) for n in range(parts)), (1, 0, -1)]
    found = rebuilt(parsed, {1, parts})["messages"][0]["content"]
    text = found[0]["text"] if as_list else found
    assert text.count("tokens left out ...]") == 2
    assert parsed.segments[1].text.strip() in text
    assert "paragraph 0 " not in text
    assert "paragraph 39 " not in text


def test_the_mark_tells_how_much_is_left_out() -> None:
    parsed = read(body([{"role": "user", "content": LONG}, QUESTION]), split_over=300)
    dropped = sum(p.tokens for p in parsed.items[0].blocks[0].pieces[1:])
    text = rebuilt(parsed, {0, len(parsed.segments) - 1})["messages"][0]["content"]
    assert text.endswith(f"[... {dropped:,} tokens left out ...]")
    assert dropped > 1000


def test_a_message_with_all_its_parts_dropped_is_gone() -> None:
    parsed = read(body([{"role": "user", "content": LONG}, QUESTION]), split_over=300)
    assert rebuilt(parsed, {len(parsed.segments) - 1})["messages"] == [QUESTION]


def test_a_message_with_all_its_parts_kept_is_the_callers_own() -> None:
    content = json.dumps(body([{"role": "user", "content": LONG}, QUESTION]), indent=3).encode()
    parsed = read(content, split_over=300)
    made, _ = rebuild(parsed, set(range(len(parsed.segments))))
    assert parsed.outline.items[0] in made


def test_an_empty_text_part_beside_a_long_one_does_no_harm() -> None:
    content = [{"type": "text", "text": ""}, {"type": "text", "text": LONG}]
    parsed = read(body([{"role": "user", "content": content}, QUESTION]), split_over=300)
    left = rebuilt(parsed, {1, len(parsed.segments) - 1})["messages"][0]["content"]
    assert left[0] == {"type": "text", "text": ""}
    assert "tokens left out" in left[1]["text"]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": LONG},
        {**call("a"), "content": LONG},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": LONG},
                {"type": "image_url", "image_url": {"url": "x"}},
            ],
        },
    ],
    ids=["system", "tool call", "with an image"],
)
def test_what_must_stay_whole_is_never_split(message: dict[str, Any]) -> None:
    parsed = read(
        body([message, result("a"), QUESTION] if "tool_calls" in message else [message, QUESTION]),
        split_over=300,
    )
    assert [s.key[2] for s in parsed.segments] == [-1, -1]


def test_a_mark_pins_every_part_and_changes_none() -> None:
    plain = {"role": "user", "content": [{"type": "text", "text": LONG}]}
    marked = {
        "role": "user",
        "content": [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}],
    }
    before, after = (
        read(body([message, QUESTION]), split_over=300).segments for message in (plain, marked)
    )
    assert [(s.id, s.key) for s in after] == [(s.id, s.key) for s in before]
    assert {s.pin for s in after[:-1]} == {"cache_control"}


def test_excerpts_make_the_same_text_of_a_string_and_of_its_one_part_and_stand_alone_ahead_of_a_picture() -> (
    None
):
    picture = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    made = []
    for content in ("And now?", [{"type": "text", "text": "And now?"}], [picture]):
        messages = [
            {"role": "user", "content": "I live in Oslo."},
            {"role": "user", "content": content},
        ]
        parsed = read(body(messages))
        prompt = CHAT.rebuild(parsed, layout(parsed, [1], {1: (0,)}))
        made.append(json.loads(prompt.body)["messages"][0]["content"])
    assert made[1] == [{"type": "text", "text": made[0]}]
    assert made[2][1:] == [picture]


def test_the_latest_user_turn_is_never_split() -> None:
    assert len(read(body([QUESTION, {"role": "user", "content": LONG}]), split_over=300).segments) == 2


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ],
)
def test_parts_that_are_no_text_stay_with_their_message(part: dict[str, Any]) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "look"}, part]}
    parsed = read(body([message, QUESTION]))
    assert parsed.segments[0].text == "look"
    assert parsed.segments[0].tokens > 80
    assert rebuilt(parsed, {0})["messages"] == [message]


@pytest.mark.parametrize("where", ["message", "part"])
def test_cache_control_pins(where: str) -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    part = {"type": "text", "text": "x", **(mark if where == "part" else {})}
    message = {"role": "user", "content": [part], **(mark if where == "message" else {})}
    assert read(body([message, QUESTION])).segments[0].pin == "cache_control"


def test_the_query_is_the_latest_user_turn() -> None:
    assert (
        read(body([QUESTION, {"role": "user", "content": "last"}, call("a"), result("a")])).query
        == "last"
    )
    assert read(body([{"role": "assistant", "content": "only"}])).query == "only"
    assert read(body([])).query == ""


def test_of_a_very_long_turn_both_ends_are_what_it_asks() -> None:
    turn = "When? " + "word " * 100_000 + "Where?"
    query = read(body([{"role": "user", "content": turn}])).query
    assert (query[:5], query[-6:]) == ("When?", "Where?")
    assert len(query) < len(turn) / 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"[]",
        b"null",
        b"{}",
        b'{"messages": null}',
        b'{"messages": {}}',
        b'{"messages": [], "model": NaN}',
        b'{"messages": ' + b"[" * 3000 + b"]" * 3000 + b"}",
    ],
)
def test_what_cannot_be_read_is_a_format_error(content: bytes) -> None:
    with pytest.raises(FormatError):
        read(content)


def test_no_messages_are_no_segments() -> None:
    parsed = read(body([]))
    assert parsed.segments == ()
    assert parsed.tokens == 3


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    parsed = read(
        b'{"messages": [], "model": "a", "messages": [{"role": "user", "content": "hi"}], "model": "b"}'
    )
    assert [s.text for s in parsed.segments] == ["hi"]
    assert parsed.outline.model == "b"
    assert rebuilt(parsed, {0}) == {"messages": [{"role": "user", "content": "hi"}], "model": "b"}


@pytest.mark.parametrize(
    ("fields", "reserved"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7, "max_tokens": 5}, 7),
        ({"max_tokens": None}, None),
        ({"max_tokens": -1}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": "5"}, None),
        ({"max_completion_tokens": None, "max_tokens": 5}, 5),
    ],
)
def test_what_the_caller_reserves_for_the_answer(fields: dict[str, Any], reserved: int | None) -> None:
    assert read(body([], **fields)).outline.max_output == reserved


def test_tools_and_schemas_count_whatever_is_dropped() -> None:
    tools = [{"type": "function", "function": {"name": "f", "description": "words " * 50}}]
    schema = {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object", "description": "words " * 50}},
    }
    bare = read(body([QUESTION])).fixed_tokens
    assert read(body([QUESTION], tools=tools)).fixed_tokens > bare + 50
    assert read(body([QUESTION], functions=[tools[0]["function"]])).fixed_tokens > bare + 50
    assert read(body([QUESTION], response_format=schema)).fixed_tokens > bare + 50


def test_items_are_the_messages_and_none_where_they_cannot_be_read() -> None:
    assert CHAT.items(json.dumps(body([QUESTION, call("a")])).encode()) == [QUESTION, call("a")]
    for content in (b"{}", b"nonsense", b'{"messages": [NaN]}'):
        assert CHAT.items(content) == []


def test_an_error_is_in_openais_shape() -> None:
    assert json.loads(CHAT.error(RequestError(400, "no such thing", code="nothing"))) == {
        "error": {
            "message": "no such thing",
            "type": "invalid_request_error",
            "param": None,
            "code": "nothing",
        }
    }


def test_the_validity_rules_of_these_tests_find_what_is_wrong() -> None:
    assert problems([call("a"), result("a"), QUESTION]) == []
    assert problems([result("a")])
    assert problems([call("a"), QUESTION])
    assert problems([call("a", "b"), result("a"), QUESTION, result("b")])
