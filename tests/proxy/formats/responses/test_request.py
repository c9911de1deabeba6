"""A response's request told apart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveate.proxy.errors import FormatError, RequestError
from foveate.proxy.formats.responses import Responses
from support.deciding import read
from support.inputs import response, said, user

WIRE = Responses()


def outline(items: Any, **more: Any) -> Any:
    return WIRE.read(json.dumps(response(items, **more)).encode())


def test_items_are_the_callers_own_bytes() -> None:
    body = b'{"input" : [ {"role":"user",  "content":"h\\u00e9"} , {"type":"new", "x":1.50}] , "model":"m"}'
    assert WIRE.read(body).items == [
        b'{"role":"user",  "content":"h\\u00e9"}',
        b'{"type":"new", "x":1.50}',
    ]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"messages": []}', b'{"input": 7}', b'{"input": {"a": 1}}', b"{"]
)
def test_what_is_no_request_is_a_format_error(body: bytes) -> None:
    with pytest.raises(FormatError):
        WIRE.read(body)


def test_output_is_reserved_as_the_caller_says() -> None:
    assert outline("hi", max_output_tokens=7).max_output == 7
    assert outline("hi", max_output_tokens=None).max_output is None


@pytest.mark.parametrize(
    ("items", "more", "why"),
    [
        ("hi", {"previous_response_id": "resp_1"}, "previous_response_id"),
        ("hi", {"conversation": {"id": "conv_1"}}, "conversation"),
        ([{"type": "item_reference", "id": "msg_1"}, user("hi")], {}, "item_reference"),
        ([{"id": "msg_1"}, user("hi")], {}, "item_reference"),
        ([{"id": "msg_1", "type": None}, user("hi")], {}, "item_reference"),
        ([said("hi", "1"), user("hi")], {"previous_response_id": None}, ""),
        ([{"role": "user", "content": "item_reference"}], {}, ""),
    ],
)
def test_a_history_that_the_server_holds_stays_as_it_is(
    items: Any, more: dict[str, Any], why: str
) -> None:
    assert outline(items, **more).stays == why


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
@pytest.mark.parametrize("more", [{}, {"input": None}])
def test_a_request_without_input_is_one_where_the_server_has_it(
    name: str, more: dict[str, Any]
) -> None:
    found = WIRE.read(json.dumps({"model": "gpt-4o", name: {"id": "x"}, **more}).encode())
    assert (found.stays, found.items) == (name, [])
    with pytest.raises(FormatError):
        WIRE.read(json.dumps({"model": "gpt-4o", **more}).encode())


def test_compaction_at_the_server_edits_the_prompt() -> None:
    assert outline("hi", context_management=[{"type": "compaction"}]).edited
    assert not outline("hi", context_management=[]).edited


def test_a_request_to_sum_up_is_settled() -> None:
    trigger = {"type": "compaction_trigger"}
    assert outline([user("hi"), trigger]).settled
    assert not outline([user("hi")]).settled


def test_instructions_tools_and_formats_count_whatever_is_dropped() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "where " * 20}},
    }
    tool = {"type": "function", "name": "weather", "description": "says", "parameters": schema}
    form = {"format": {"type": "json_schema", "name": "x", "schema": schema}}
    bare = read(response("hi"), wire=WIRE).fixed_tokens
    for more in ({"instructions": "word " * 20}, {"tools": [tool]}, {"text": form}):
        assert read(response("hi", **more), wire=WIRE).fixed_tokens > bare + 20


def test_encrypted_content_is_no_text() -> None:
    sealed = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "A" * 8000}
    parsed = read(response([sealed, said("a"), user("hi")]), wire=WIRE)
    assert 1000 < parsed.items[0].tokens < 2000  # three quarters of it are bytes, four of them a token


@pytest.mark.parametrize(
    ("part", "least", "most"),
    [
        (
            {
                "type": "input_image",
                "image_url": "data:image/png;base64," + "A" * 9000,
                "detail": "auto",
            },
            500,
            1000,
        ),
        (
            {
                "type": "input_image",
                "image_url": "data:image/png;base64," + "A" * 9000,
                "detail": "low",
            },
            50,
            200,
        ),
        ({"type": "input_file", "file_data": "A" * 90000}, 1000, 2000),
    ],
)
def test_pictures_and_files_are_stated_estimates(part: dict[str, Any], least: int, most: int) -> None:
    assert least < read(response([user([part])]), wire=WIRE).items[0].tokens < most
    given = [{"type": "function_call_output", "call_id": "c", "output": [part]}, user("x")]
    assert least < read(response(given), wire=WIRE).items[0].tokens < most


def test_usage_stands_at_the_end_of_an_answer_streamed_or_not() -> None:
    told = {"input_tokens": 120, "input_tokens_details": {"cached_tokens": 64}, "output_tokens": 5}
    whole = json.dumps({"output": [{"text": '"input_tokens": 9'}], "usage": told}).encode()
    event = (
        b"event: response.completed\ndata: "
        + json.dumps({"response": {"usage": told}}).encode()
        + b"\n\n"
    )
    for tail in (whole, event):
        usage = WIRE.usage(b"", tail)
        assert usage is not None
        assert (usage.prompt_tokens, usage.cached_tokens) == (120, 64)
    assert WIRE.usage(b"", b"nothing") is None


def test_errors_come_in_openais_shape() -> None:
    told = json.loads(WIRE.error(RequestError(400, "no", code="bad")))
    assert told == {
        "error": {"message": "no", "type": "invalid_request_error", "param": None, "code": "bad"}
    }
