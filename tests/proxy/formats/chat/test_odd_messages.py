"""Messages that OpenAI's reference does not list: none of them keeps a conversation from being pruned."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveate.proxy.errors import FormatError
from foveate.proxy.formats.chat import Chat
from foveate.proxy.formats.chat.counting import message_tokens
from foveate.proxy.formats.parsed import BY_ORDER, Block, Item
from foveate.proxy.formats.tokens import AUDIO, FILE, IMAGE, TokenCounter
from foveate.proxy.formats.units import group, looks_back
from foveate.proxy.formats.wire.reading import MOST_ITEMS, decoded, elements_of, fields_of, mended

COUNTER = TokenCounter("o200k_base")
LONG = "\n\n".join(f"Paragraph {n} of many, with words in it." for n in range(400))
ODD: dict[str, Any] = {
    "a part of another API": {"role": "user", "content": [{"type": "tool_result", "content": LONG}]},
    "a part without a type": {"role": "user", "content": [{"text": LONG}]},
    "a part whose type is a list": {"role": "user", "content": [{"type": ["text"], "text": LONG}]},
    "a part that is a string": {"role": "user", "content": [LONG]},
    "a part that is a number": {
        "role": "assistant",
        "content": [7, None, {"type": "text", "text": LONG}],
    },
    "content that is an object": {"role": "assistant", "content": {"answer": LONG}},
    "content that is a number": {"role": "assistant", "content": 1e308},
    "a role of another API": {"role": "model", "content": LONG},
    "a role that is an object": {"role": {"name": "user"}, "content": LONG},
    "no role": {"content": LONG},
    "calls that are no list": {
        "role": "assistant",
        "tool_calls": {"id": "c1", "function": {"name": "f"}},
    },
    "calls that are no objects": {"role": "assistant", "tool_calls": [None, 5, "f"]},
    "an id that is an object": {"role": "tool", "tool_call_id": {"a": 1}, "content": "x"},
    "a message that is a string": "hello",
    "a message that is null": None,
    "a message that is a list": [{"role": "user", "content": "x"}],
    "reasoning that is a list": {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": [{"text": LONG}]}],
    },
}
DEEP = b"[" * 700 + b"]" * 700


def block(message: Any) -> Block:
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    return Chat().parse(raw, COUNTER, 300).blocks[0]


@pytest.mark.parametrize("message", ODD.values(), ids=ODD)
def test_an_odd_message_is_understood_as_a_whole_and_counted_by_its_json(message: Any) -> None:
    found = block(message)
    assert found.pieces == () or found.role in ("user", "assistant")
    told = json.dumps(message)
    assert found.tokens > 0.5 * COUNTER.text(LONG) if LONG[:20] in told else found.tokens > 0


@pytest.mark.parametrize(
    "kind", ["a part of another API", "a part that is a string", "a role of another API"]
)
def test_what_is_not_known_is_never_split(kind: str) -> None:
    assert block(ODD[kind]).pieces == ()


def test_a_message_nested_too_deep_to_be_written_anew_keeps_its_role() -> None:
    found = block(b'{"role": "assistant", "content": ' + DEEP + b"}")
    assert (found.role, found.pieces) == ("assistant", ())


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        ({"type": "input_image", "image_url": "data:image/png;base64," + "A" * 9000}, IMAGE),
        ({"type": "image", "source": {"type": "base64", "data": "A" * 9000}}, IMAGE),
        ({"type": "input_file", "file_data": "A" * 9000}, FILE),
        ({"type": "document", "source": {"type": "base64", "data": "A" * 9000}}, FILE),
        ({"type": "audio_url", "audio_url": {"url": "A" * 9000}}, AUDIO),
    ],
)
def test_pictures_files_and_recordings_are_estimated_whatever_api_names_them(
    part: Any, tokens: int
) -> None:
    assert block({"role": "user", "content": [part]}).tokens == tokens + 4


def test_a_document_that_is_text_counts_as_text() -> None:
    part = {"type": "document", "source": {"type": "text", "data": LONG}}
    assert block({"role": "user", "content": [part]}).tokens > COUNTER.text(LONG)


def test_pictures_that_a_model_has_made_are_counted() -> None:
    plain = {"role": "assistant", "content": "Here."}
    drawn = {**plain, "images": [{"type": "image_url", "image_url": {"url": "x"}}] * 2}
    assert message_tokens(drawn, COUNTER) == message_tokens(plain, COUNTER) + 2 * IMAGE


@pytest.mark.parametrize(
    "text",
    [b"\\ud800", b"\\udc00 a", b"a \\ud83d b", b"\xff\xfe", b"\\\\\\ud800", b"\\ud800\\ud83d\\ude00"],
)
def test_text_that_no_unicode_is_reads_as_the_replacement_character(text: bytes) -> None:
    found = block(b'{"role": "user", "content": "' + text + b'"}')
    assert "\ufffd" in found.text
    found.text.encode()


def test_a_pair_of_surrogates_and_an_escaped_backslash_are_left_alone() -> None:
    for raw in (b'"\\ud83d\\ude00"', b'"\\\\ud800"', b'"\\n\\u0041"'):
        assert mended(raw) == raw


def test_a_body_with_such_text_keeps_the_callers_own_bytes() -> None:
    odd = b'{"role": "user", "content": "\\ud800"}'
    body = b'{"model": "m", "messages": [' + odd + b", " + odd + b"]}"
    assert Chat().read(body).items == [odd, odd]
    assert fields_of(odd) == {"role": b'"user"', "content": b'"\\ud800"'}
    assert elements_of(b'["\\udfff", 1]') == [b'"\\udfff"', b"1"]


def test_what_is_no_json_is_a_format_error() -> None:
    with pytest.raises(FormatError):
        decoded(b'{"role": }')


def test_more_items_than_memory_is_for_are_refused_before_they_are_built() -> None:
    with pytest.raises(FormatError, match="more than"):
        Chat().read(b'{"model": "m", "messages": [' + b"0," * (2 * MOST_ITEMS) + b"0]}")


def test_many_commas_are_no_many_items() -> None:
    said = json.dumps("a, " * (MOST_ITEMS + 10)).encode()
    assert len(Chat().read(b'{"messages": [{"role": "user", "content": ' + said + b"}]}").items) == 1


def test_a_models_name_is_kept_up_to_a_length() -> None:
    assert len(Chat().read(json.dumps({"model": "/" * 100_000, "messages": []}).encode()).model) == 256


def units(messages: list[Any]) -> list[tuple[int, ...]]:
    items = [Chat().parse(json.dumps(m).encode(), COUNTER, 300) for m in messages]
    return [tuple(item for item, _ in unit) for unit in group(items)]


def call(*ids: Any) -> dict[str, Any]:
    made = [
        {"type": "function", "function": {"name": "f"}, **({} if i == "none" else {"id": i})}
        for i in ids
    ]
    return {"role": "assistant", "content": None, "tool_calls": made}


def result(given: Any) -> dict[str, Any]:
    return {"role": "tool", "content": "r", **({} if given == "none" else {"tool_call_id": given})}


TALK = {"role": "user", "content": "and?"}


@pytest.mark.parametrize("made", ["", None, "none"])
@pytest.mark.parametrize("answered", ["", None, "none"])
def test_calls_and_results_without_ids_pair_by_their_order(made: Any, answered: Any) -> None:
    history = [
        TALK,
        call(made),
        result(answered),
        TALK,
        call(made, made),
        result(answered),
        result(answered),
        TALK,
    ]
    assert units(history) == [(0,), (1, 2), (3,), (4, 5, 6), (7,)]


def test_a_result_of_an_unknown_id_right_behind_a_call_is_that_calls() -> None:
    assert units([call("a"), result("b"), result("c"), TALK]) == [(0, 1, 2), (3,)]


def test_a_result_of_an_unknown_id_elsewhere_stands_alone() -> None:
    assert units([call("a"), result("a"), TALK, result("b"), TALK]) == [(0, 1), (2,), (3,), (4,)]


def test_an_id_that_comes_again_is_that_of_the_latest_call() -> None:
    assert units([call("x"), result("x"), call("x"), result("x")]) == [(0, 1), (2, 3)]


def test_a_result_whose_call_stands_ahead_of_the_start_looks_back() -> None:
    items = [
        Item("i", 1, (b,))
        for b in (block(call("a")), block(result("a")), block(call("")), block(result("")))
    ]
    assert items[2].blocks[0].calls == {BY_ORDER}
    assert looks_back(items, 1)
    assert not looks_back(items, 2)
    assert looks_back(items, 3)


@pytest.mark.parametrize("number", [b"9" * 400, b"-" + b"9" * 5000, b"1e999", b"1.5e-999999"])
def test_a_number_beyond_all_bounds_stands_as_it_is(number: bytes) -> None:
    found = block(b'{"role": "user", "content": "hello", "n": %b}' % number)
    assert (found.role, found.text) == ("user", "hello")
    call = b'{"role": "assistant", "tool_calls": [{"id": %b, "function": {"name": "f"}}]}' % number
    answer = b'{"role": "tool", "tool_call_id": %b, "content": "x"}' % number
    assert block(answer).answers in block(call).calls


def test_a_call_nested_too_deep_to_be_written_anew_stays_with_its_result() -> None:
    call = b'{"id": "a", "function": {"name": "f", "arguments": "{}"}, "x": ' + DEEP + b"}"
    raws = [
        b'{"role": "assistant", "tool_calls": [' + call + b"]}",
        b'{"role": "user", "content": "wait"}',
        b'{"role": "tool", "tool_call_id": "a", "content": ' + DEEP + b"}",
    ]
    assert group([Chat().parse(raw, COUNTER, 300) for raw in raws]) == [((0, 0), (2, 0)), ((1, 0),)]
